"""What a training says of itself: history, TensorBoard, warnings."""

from __future__ import annotations

from typing import Any

import torch

from flawforge.core.errors import ExtraMissingError
from flawforge.core.progress import Progress
from flawforge.runs.folder import Run
from flawforge.runs.history import History, NoHistory
from flawforge.training.clock import Clock
from flawforge.training.state import TrainingState
from flawforge.training.step import Outcome
from flawforge.training.watch import Watch

EVERY = 10  # steps that one line of the history averages
NAMES = ("loss_d", "loss_g", "d_real", "d_fake", "spread")


class Journal:
    """Collects the outcome of steps and writes a line every ten, so that the device is asked for
    numbers once in ten steps.
    """

    def __init__(
        self, run: Run, state: TrainingState, clock: Clock, progress: Progress, *, tensorboard: bool = False
    ) -> None:
        self.state, self.clock, self.progress = state, clock, progress
        first = state.processes.first
        self.history = History(run.history_file) if first else NoHistory(run.history_file)
        self.watch = Watch()
        self.board = _board(run) if tensorboard and first else None
        self._sum: torch.Tensor | None = None
        self._count = 0
        self._since = clock.seconds

    def note(self, outcome: Outcome) -> None:
        """Take the outcome of one step."""
        values = outcome.stacked()
        self._sum = values if self._sum is None else self._sum + values
        self._count += 1

    def due(self) -> bool:
        """Say whether a line is due."""
        return self.state.step % EVERY == 0

    def flush(self) -> dict[str, float]:
        """Write the line of the steps since the last one, warn where warning is due, and return the line.

        Raises:
            TrainingDivergedError: a loss is not finite.
        """
        if self._sum is None:
            return {}
        whole = self.state.processes.mean(self._sum / self._count)
        means = dict(zip(NAMES, whole.tolist(), strict=True))
        seconds = self.clock.seconds
        speed = self._count * self.state.recipe.batch / max(seconds - self._since, 1e-9)
        line = {**self._place(), **means, "images_per_second": round(speed, 3)}
        self._sum, self._count, self._since = None, 0, seconds
        self.watch.check_finite(line)
        self.history.append(line)
        if self.board is not None:
            for name, value in means.items():
                self.board.add_scalar(name, value, line["step"])
        for warning in self.watch.judge(line):
            self.progress.warn(warning.text)
            self.history.append({"event": "warning", "kind": warning.kind, "text": warning.text, **self._place()})
        return line

    def resumed(self, command: str, ended: str | None) -> None:
        """Tell that the run goes on from its checkpoint; what was logged after that is dropped, for it comes again.

        Args:
            command: what the user typed.
            ended: why the training is over already, or None.
        """
        self.history.rewind(self.state.step)
        self._since = self.clock.seconds
        place = self._place()
        if ended is not None:
            self.progress.say(f"training is finished ({place['kimg']:.1f} kimg)")
            return
        self.progress.say(f"going on from {place['kimg']:.1f} kimg")
        self.history.append({"event": "resumed", "kind": "resumed", "text": command, **place})

    def stopped(self, reason: str) -> None:
        """Tell why the training ended."""
        self.history.append({"event": "stopped", "kind": reason, "text": f"ended by {reason}", **self._place()})
        if self.board is not None:
            self.board.close()

    def _place(self) -> dict[str, float]:
        step = self.state.step
        return {"step": step, "kimg": self.state.shown / 1000, "seconds": round(self.clock.seconds, 3)}


def _board(run: Run) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ExtraMissingError("--tensorboard", "tensorboard") from error
    return SummaryWriter(str(run.path / "tensorboard"))
