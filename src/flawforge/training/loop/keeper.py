"""Keeping the best weights of a training, and going back to them after a collapse.

Every decision that changes what training does next is made here, from numbers that the checkpoint holds: `look` and
`answer`. Of several processes the first one judges and holds the files; the numbers are told to all of them, so that
all decide alike.
"""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor

from flawforge.core.errors import RunBrokenError, TrainingDivergedError
from flawforge.core.progress import Progress
from flawforge.runs.checkpoint import Checkpoint, drop_after, list_checkpoints, save_checkpoint
from flawforge.runs.folder import Run
from flawforge.training.health.judge import Judge
from flawforge.training.health.training_health import Care
from flawforge.training.health.watch import Finding
from flawforge.training.loop.training_log import Journal
from flawforge.training.state.clock import Clock
from flawforge.training.state.collapse_recovery import told
from flawforge.training.state.state import TrainingState


class Keeper:
    """Judges a training, keeps its best weights and answers its collapses.

    Attributes:
        care: what is known of the training's health.
        judge: how the generator is judged; None where the recipe does not.
    """

    def __init__(
        self, run: Run, state: TrainingState, judge: Judge | None, journal: Journal, clock: Clock, progress: Progress
    ) -> None:
        self.run, self.state, self.judge = run, state, judge
        self.journal, self.clock, self.progress = journal, clock, progress
        self.care = Care.of(state.recipe)
        self._best: tuple[int, dict[str, Tensor], dict[str, Any]] | None = None  # weights that are not on disk yet
        self._judged_at = clock.seconds
        self._whole = True  # whether this session has seen all of the training since the last judgement

    def resume(self, facts: dict[str, Any]) -> None:
        """Take over what a checkpoint says. One of a version that did not judge begins anew."""
        if "care" in facts:
            self.care = Care.parse(facts["care"])
            self.journal.load(facts["journal"])
            self.state.harden(self.care.level)
        self._judged_at, self._whole = self.clock.seconds, False

    def begin(self) -> None:
        """Judge the untrained generator: how bad the value can get."""
        if self.care.every and self.state.step == 0 and self.care.first is None:
            value, _, _ = self._judged()
            if value is None:
                self.care.every = 0
            else:
                self.care.note(0, value)
            self._judged_at = self.clock.seconds

    def look(self) -> Finding | None:
        """Judge the generator where that is due, keep it when it is the best so far, and return what is wrong.

        Where the recipe has no answer, a generator that has become far worse is told here and not returned.
        """
        if not self.care.due(self.state.step):
            return None
        value, took, between = self._judged()
        whole, self._judged_at, self._whole = self._whole, self.clock.seconds, True
        if value is None:
            return None
        place = f"{self.state.shown / 1000:.1f} kimg"
        if not value < float("inf"):
            return Finding("diverged", f"the generator makes values that are no numbers at {place}")
        found = self.care.note(self.state.step, value)
        if self.care.best is not None and self.care.best[0] == self.state.step and self.state.processes.first:
            self._best = self.state.step, self._copied(), self.facts()
        if self.care.spent(took, between if whole else None):
            self.progress.say(
                f"judging took {took / (took + between):.0%} of the time; it is done half as often from {place} on"
            )
        self.journal.remark(distance=value)
        if found is not None and self.state.begun.rescues == 0:
            self.journal.tell([found])
            return None
        return found

    def _judged(self) -> tuple[float | None, float, float]:
        """Return the value (None: there is no judge), the seconds that it took, and those since the last.

        What a judge prepares once a session counts in neither.
        """
        between = self.clock.seconds - self._judged_at
        if self.judge is not None:
            self.judge.prepare()
        start = time.perf_counter()
        value = self.judge.value(self.state.maker) if self.judge is not None else None
        told = self.state.processes.tell([value, time.perf_counter() - start, between])
        return told[0], told[1], told[2]

    def broken(self) -> Finding | None:
        """Return what is wrong when a weight is no longer a finite number."""
        if self.state.is_finite():
            return None
        return Finding("diverged", f"weights are no longer finite numbers at step {self.state.step}")

    def answer(self, finding: Finding) -> bool:
        """Go back to the best weights with settings that collapse less, or give up; return whether to go on.

        Raises:
            TrainingDivergedError: the recipe answers none, or it was answered as often as the recipe allows and nothing
            is worth keeping. The best weights are on disk then, where there are any.
        """
        care, state, first = self.care, self.state, self.state.processes.first
        where, before = f"{state.shown / 1000:.1f} kimg", state.recipe
        if state.begun.rescues == 0:
            self._save_best()
            raise TrainingDivergedError(
                f"training diverged: {finding.text}. The last good checkpoint is kept. Try half the step sizes "
                f"(--generator-lr, --discriminator-lr) or --precision float32, in a new --out folder."
            )
        if care.level >= state.begun.rescues:
            return self._give_up(finding, where)
        step = care.go_back()
        self._put_back(step)
        state.harden(care.level)
        self.journal.went_back()
        text = (
            f"collapse at {where}: {finding.text}. Back to {'the best weights, of' if step else 'the beginning,'} "
            f"{state.shown / 1000:.1f} kimg, and on with {told(before, state.recipe)} "
            f"({care.level} of {state.begun.rescues})"
        )
        self.progress.warn(text)
        self.journal.event("rescued", finding.kind, text)
        self._judged_at = self.clock.seconds
        self.save(None)
        if first:
            drop_after(self.run, step)
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
        state, best = self.state, self.care.best
        chosen = best[0] if best is not None else state.step
        if reason is not None and best is not None and best[0] != state.step and self.judge is not None:
            chosen = state.step if self.judge.value(state.maker) < best[1] else chosen
        return {
            "kimg": state.shown / 1000,
            "seconds": self.clock.seconds,
            "stopped": reason,
            "best": chosen,
            "kept": [] if best is None else [best[0]],
            "care": self.care.dump(),
            "journal": self.journal.facts(),
        }

    def _give_up(self, finding: Finding, where: str) -> bool:
        care = self.care
        care.given_up = True
        why = f"training collapsed again at {where}: {finding.text}. It was answered {care.level} times, in vain"
        advice = (
            "Try half the step sizes (--generator-lr, --discriminator-lr), more or other images, or another --seed, "
            "in a new --out folder."
        )
        if care.best is None:
            raise TrainingDivergedError(f"{why}, and at no time were there weights worth keeping. {advice}")
        self._put_back(care.best[0])
        self.journal.went_back()
        text = (
            f"{why}: training ends with the best weights that it had, of {self.state.shown / 1000:.1f} kimg. {advice}"
        )
        self.progress.warn(text)
        self.journal.event("warning", "gave-up", text)
        self.save("collapse")
        if self.state.processes.first:
            drop_after(self.run, care.best[0])
        return False

    def _put_back(self, step: int) -> None:
        state = self.state
        if step == 0:
            state.restart()
            return
        tensors = state.tensors()
        if state.processes.first:
            held = self._best is not None and self._best[0] == step
            tensors = self._best[1] if self._best is not None and held else self._on_disk(step).tensors()
        state.load(tensors, step, self.clock.seconds)
        state.processes.share(state.tensors().values())

    def _on_disk(self, step: int) -> Checkpoint:
        for checkpoint in list_checkpoints(self.run):
            if checkpoint.step == step:
                return checkpoint
        raise RunBrokenError(
            f"the best checkpoint of {self.run.path} (step {step}) is gone, and training has collapsed. Train anew, "
            f"in a new --out folder."
        )

    def _copied(self) -> dict[str, Tensor]:
        with torch.no_grad():
            return {key: value.detach().to("cpu", copy=True) for key, value in self.state.tensors().items()}
