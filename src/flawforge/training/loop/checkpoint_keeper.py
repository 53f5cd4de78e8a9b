"""Keeping the best weights of a training, and going back to them after a collapse.

Every decision that changes what training does next is made here, from numbers that the checkpoint holds: `evaluate`
and `recover`. Of several processes the first one evaluates and holds the files; the numbers are sent to all of them,
so that all decide alike.
"""

from __future__ import annotations

import time
from typing import Any

from torch import Tensor

from flawforge.core.errors import RunBrokenError, TrainingDivergedError
from flawforge.core.progress import Progress
from flawforge.runs.checkpoint import drop_after, list_checkpoints, save_checkpoint
from flawforge.runs.folder import Run
from flawforge.training.health.judge import Judge
from flawforge.training.health.training_health import TrainingHealth, TrainingProblem
from flawforge.training.loop.training_log import TrainingLog
from flawforge.training.state.plan import Clock
from flawforge.training.state.state import TrainingState, describe_recovery


class CheckpointKeeper:
    """Evaluates a training, keeps its best weights and recovers from its collapses.

    Attributes:
        health: what the evaluations have shown.
        judge: how the generator is evaluated; None where the recipe does not.
        kept: what else each checkpoint says.
    """

    def __init__(
        self, run: Run, state: TrainingState, judge: Judge | None, log: TrainingLog, clock: Clock, progress: Progress
    ) -> None:
        self.run, self.state, self.judge = run, state, judge
        self.log, self.clock, self.progress = log, clock, progress
        self.health = TrainingHealth.of(state.recipe)
        self.kept: dict[str, Any] = {}
        self._best: tuple[int, dict[str, Tensor], dict[str, Any]] | None = None  # weights that are not on disk yet
        self._evaluated_at = clock.seconds
        self._whole = True  # whether this session has seen all of the training since the last evaluation

    def resume(self, facts: dict[str, Any]) -> None:
        """Take over what a checkpoint says. One of a version that did not evaluate begins from nothing."""
        if "care" in facts:
            self.health = TrainingHealth.parse(facts["care"])
            if self.judge is not None:
                self.judge.criterion = self.health.criterion
            self.log.load(facts["journal"])
            self.state.recover(self.health.level)
        self._evaluated_at, self._whole = self.clock.seconds, False

    def begin(self) -> None:
        """Evaluate the untrained generator: how bad the value can get."""
        if self.health.every and self.state.step == 0 and self.health.first is None:
            value, _, _ = self._measure()
            if value is None:
                self.health.every = 0
            else:
                self.health.add(0, value)
            self._evaluated_at = self.clock.seconds

    def evaluate(self) -> TrainingProblem | None:
        """Evaluate the generator where that is due, keep it when it is the best so far, and return what is wrong.

        Where the recipe does not recover, a generator that has become far worse is warned of here and not returned.
        """
        if not self.health.due(self.state.step):
            return None
        value, took, between = self._measure()
        whole, self._evaluated_at, self._whole = self._whole, self.clock.seconds, True
        if value is None:
            return None
        if not value < float("inf"):
            return TrainingProblem("diverged", f"the generator's output is not finite at {self._kimg()}")
        problem = self.health.add(self.state.step, value)
        if self.health.best is not None and self.health.best[0] == self.state.step and self.state.processes.first:
            weights = {key: value.detach().to("cpu", copy=True) for key, value in self.state.tensors().items()}
            self._best = self.state.step, weights, self.facts()
        if self.health.add_time(took, between if whole else None):
            self.progress.say(
                f"evaluating took {took / (took + between):.0%} of the time; from {self._kimg()} on it is done half "
                f"as often"
            )
        self.log.add_numbers(distance=value)
        if problem is not None and self.state.begun.rescues == 0:
            self.log.warn([problem])
            return None
        return problem

    def _measure(self) -> tuple[float | None, float, float]:
        """Return the value (None: there is no judge), the seconds that it took, and those since the last.

        What a judge prepares once a session counts in neither.
        """
        between = self.clock.seconds - self._evaluated_at
        if self.judge is not None:
            self.judge.prepare()
        start = time.perf_counter()
        value = self.judge.value(self.state.sampling_generator) if self.judge is not None else None
        value, took, between = self.state.processes.tell([value, time.perf_counter() - start, between])
        return value, took, between

    def check_weights(self) -> TrainingProblem | None:
        """Return what is wrong when a weight is no longer a finite number."""
        if self.state.is_finite():
            return None
        return TrainingProblem("diverged", f"weights are no longer finite numbers at step {self.state.step}")

    def recover(self, problem: TrainingProblem) -> bool:
        """Go back to the best weights with settings that collapse less, or give up; return whether to continue.

        Raises:
            TrainingDivergedError: the recipe recovers from none, or it has recovered as often as the recipe allows and
            nothing is worth keeping. The best weights are on disk then, where there are any.
        """
        health, state = self.health, self.state
        where, before = self._kimg(), state.recipe
        if state.begun.rescues == 0:
            self._save_best()
            raise TrainingDivergedError(
                f"training diverged: {problem.text}. The last good checkpoint is kept. Try half the step sizes "
                f"(--generator-lr, --discriminator-lr) or --precision float32, in a new --out folder."
            )
        if health.level >= state.begun.rescues:
            return self._give_up(problem, where)
        step = health.go_back()
        self._restore(step)
        state.recover(health.level)
        self._went_back(
            "rescued",
            problem.kind,
            f"collapse at {where}: {problem.text}. Back to {'the best weights, of' if step else 'the beginning,'} "
            f"{self._kimg()}, continuing with {describe_recovery(before, state.recipe)} "
            f"({health.level} of {state.begun.rescues})",
        )
        self._evaluated_at = self.clock.seconds
        self._save_and_drop(None, step)
        return True

    def save(self, reason: str | None) -> None:
        """Write the best weights, where they are new, and a checkpoint; `reason` says why training ended, or None."""
        state = self.state
        state.seconds = self.clock.seconds
        if not state.processes.first:
            return
        with self.clock.saving():
            facts = self.facts(reason)
            if self._best is not None and self._best[0] != state.step:
                self._save_best()
            save_checkpoint(self.run, state.step, state.tensors(), facts)
        self._best = None

    def _save_best(self) -> None:
        if self._best is not None:
            save_checkpoint(self.run, *self._best)

    def facts(self, reason: str | None = None) -> dict[str, Any]:
        """Return what the JSON of a checkpoint says. At an end, the present weights compete with the best."""
        state, best = self.state, self.health.best
        chosen = best[0] if best is not None else state.step
        if reason is not None and best is not None and best[0] != state.step and self.judge is not None:
            chosen = state.step if self.judge.value(state.sampling_generator) < best[1] else chosen
        return {
            "kimg": state.shown / 1000,
            "seconds": self.clock.seconds,
            "stopped": reason,
            "best": chosen,
            "kept": [] if best is None else [best[0]],
            "care": self.health.dump(),
            "journal": self.log.dump(),
            **self.kept,
        }

    def _give_up(self, problem: TrainingProblem, where: str) -> bool:
        health = self.health
        health.given_up = True
        why = (
            f"training collapsed again at {where}: {problem.text}. It has gone back {health.level} times already, "
            f"which did not help"
        )
        advice = (
            "Try half the step sizes (--generator-lr, --discriminator-lr), more or other images, or another --seed, "
            "in a new --out folder."
        )
        if health.best is None:
            raise TrainingDivergedError(f"{why}, and at no time were there weights worth keeping. {advice}")
        self._restore(health.best[0])
        text = f"{why}. Training ends with the best weights, of {self._kimg()}. {advice}"
        self._went_back("warning", "gave-up", text)
        self._save_and_drop("collapse", health.best[0])
        return False

    def _went_back(self, event: str, kind: str, text: str) -> None:
        self.log.went_back()
        self.progress.warn(text)
        self.log.event(event, kind, text)

    def _save_and_drop(self, reason: str | None, step: int) -> None:
        self.save(reason)
        if self.state.processes.first:
            drop_after(self.run, step)

    def _restore(self, step: int) -> None:
        state = self.state
        if step == 0:
            state.restart()
            return
        tensors = state.tensors()
        if state.processes.first:
            tensors = self._best[1] if self._best is not None and self._best[0] == step else self._on_disk(step)
        state.load(tensors, step, self.clock.seconds)
        state.processes.share(state.tensors().values())

    def _on_disk(self, step: int) -> dict[str, Tensor]:
        for checkpoint in list_checkpoints(self.run):
            if checkpoint.step == step:
                return checkpoint.tensors()
        raise RunBrokenError(
            f"the best checkpoint of {self.run.path} (step {step}) is gone, and training has collapsed. Train again, "
            f"in a new --out folder."
        )

    def _kimg(self) -> str:
        return f"{self.state.shown / 1000:.1f} kimg"
