"""The log of a training: history, TensorBoard, warnings."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from flawforge.core.errors import ExtraMissingError
from flawforge.core.progress import Progress
from flawforge.models.whole_batch import Gather
from flawforge.runs.folder import Run
from flawforge.runs.history import QUANTILES, History, NoHistory
from flawforge.training.health.training_health import LINE_STEPS, LogMonitor, TrainingProblem
from flawforge.training.loop.step import NUMBERS, StepOutcome
from flawforge.training.state.plan import Clock
from flawforge.training.state.state import TrainingState


class TrainingLog:
    """Collects the outcome of steps and writes a line every ten, so that the device is asked for
    numbers once in ten steps.
    """

    def __init__(
        self, run: Run, state: TrainingState, clock: Clock, progress: Progress, *, tensorboard: bool = False
    ) -> None:
        self.state, self.clock, self.progress = state, clock, progress
        first = state.processes.first
        self.history = History(run.history_file) if first else NoHistory(run.history_file)
        self.monitor = LogMonitor()
        self.board = _board(run) if tensorboard and first else None
        self._sum: Tensor | None = None
        self._scores: list[Tensor] = []
        self._count = 0
        self._block: list[float] = []  # sums over the steps since the last multiple of LINE_STEPS
        self._blocked = 0
        self._extra: dict[str, float] = {}
        self._since = clock.seconds

    def add(self, outcome: StepOutcome) -> None:
        """Take the outcome of one step."""
        values = outcome.stacked().double()  # sums of ten are exact: a stop in between changes no last bit
        self._sum = values if self._sum is None else self._sum + values
        self._scores.append(outcome.scores)
        self._count += 1

    def add_numbers(self, **numbers: float) -> None:
        """Have more numbers written into the next line."""
        self._extra |= numbers

    def due(self) -> bool:
        """Say whether a line is due."""
        return self.state.step % LINE_STEPS == 0

    def write_line(self) -> tuple[dict[str, float], TrainingProblem | None]:
        """Write the line of the steps since the last one, and return it with what is wrong.

        Where the recipe does not recover from a collapse, it is warned of here and not returned; a loss that is not
        finite is returned always.
        """
        if self._sum is None:
            return {}, None
        sums = self.state.processes.mean(self._sum).tolist()
        self._block = [a + b for a, b in zip(self._block, sums, strict=True)] if self._block else sums
        self._blocked += self._count
        means = {name: float(value) / self._count for name, value in zip(NUMBERS, sums, strict=True)}
        seconds = self.clock.seconds
        speed = self._count * self.state.recipe.batch / max(seconds - self._since, 1e-9)
        line = {**self._position(), **means, "images_per_second": round(speed, 3), **self._extra}
        scores, self._scores = self._scores, []
        self._sum, self._count, self._since, self._extra = None, 0, seconds, {}
        diverged = self.monitor.check_finite(line)
        if diverged is not None:
            return line, diverged
        self.history.append({**line, **score_quantiles(scores, self.state.processes.across)})
        if self.board is not None:
            for name, value in means.items():
                self.board.add_scalar(name, value, line["step"])
        return line, self._check_block(line) if self.due() else None

    def _check_block(self, line: dict[str, float]) -> TrainingProblem | None:
        """Check the block of steps that ends here, as one line; warn of what is wrong or return it."""
        means = {name: total / self._blocked for name, total in zip(NUMBERS, self._block, strict=True)}
        self._block, self._blocked = [], 0
        problems = self.monitor.check({**line, **means})
        if self.state.recipe.rescues > 0:
            return problems[0] if problems else None
        self.warn(problems)
        return None

    def warn(self, problems: list[TrainingProblem]) -> None:
        """Warn of what is wrong, unless it was warned of in the last 10 kimg, and write it into the history."""
        kimg = self.state.shown / 1000
        for problem in self.monitor.new(problems, kimg):
            text = f"{problem.kind.replace('-', ' ')} at {kimg:.1f} kimg: {problem.text}. {problem.advice}"
            self.progress.warn(text)
            self.event("warning", problem.kind, text)

    def event(self, event: str, kind: str, text: str) -> None:
        """Write an event into the history."""
        self.history.append({"event": event, "kind": kind, "text": text, **self._position()})

    def dump(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {"watch": self.monitor.state(), "block": self._block, "blocked": self._blocked}

    def load(self, facts: dict[str, Any]) -> None:
        """Put back what `dump` gave."""
        self.monitor.load(facts["watch"])
        self._block, self._blocked = list(facts["block"]), facts["blocked"]

    def went_back(self) -> None:
        """Forget the steps after the one that training went back to: they come again, differently."""
        self.history.rewind(self.state.step)
        self.monitor.forget()
        self._sum, self._count, self._block, self._blocked, self._extra = None, 0, [], 0, {}
        self._scores = []
        self._since = self.clock.seconds

    def begun(self) -> None:
        """Drop what a session logged that ended before its first checkpoint: all of it comes again."""
        if self.history.lines():
            self.history.rewind(0)

    def resumed(self, command: str, ended: str | None) -> None:
        """Tell that the run continues from its checkpoint; what was logged after that is dropped, for it comes again.

        Args:
            command: what the user typed.
            ended: why the training is over already, or None.
        """
        self.history.rewind(self.state.step)
        self._since = self.clock.seconds
        kimg = self.state.shown / 1000
        if ended is not None:
            self.progress.say(f"training is complete ({kimg:.1f} kimg)")
            return
        self.progress.say(f"resuming at {kimg:.1f} kimg")
        self.event("resumed", "resumed", command)

    def stopped(self, reason: str) -> None:
        """Write down why the training ended."""
        self.event("stopped", reason, f"ended by {reason}")
        if self.board is not None:
            self.board.close()

    def _position(self) -> dict[str, float]:
        step = self.state.step
        return {"step": step, "kimg": self.state.shown / 1000, "seconds": round(self.clock.seconds, 3)}


def score_quantiles(scores: list[Tensor], across: Gather | None = None) -> dict[str, list[float]]:
    """Return what a line of the history says of the discriminator's outputs over some steps and all processes, of
    (2, N) of each step.
    """
    joined = torch.cat(scores, 1)
    whole = joined if across is None else across(joined).transpose(0, 1).flatten(1)
    real, fake = torch.quantile(whole, whole.new_tensor(QUANTILES), dim=1).T.tolist()
    return {"scores_real": [round(value, 4) for value in real], "scores_fake": [round(value, 4) for value in fake]}


def _board(run: Run) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ExtraMissingError("--tensorboard", "tensorboard") from error
    return SummaryWriter(str(run.path / "tensorboard"))
