"""The training loop: step after step until the length is reached, the time is over, or the user says stop."""

from __future__ import annotations

from dataclasses import dataclass

from flawforge.core.errors import TrainingDivergedError
from flawforge.core.progress import Progress
from flawforge.models.latents import draw_latents
from flawforge.runs.checkpoint import Checkpoint, newest_checkpoint, save_checkpoint
from flawforge.runs.folder import Run
from flawforge.training.batches import RealBatches
from flawforge.training.clock import Clock
from flawforge.training.interrupt import Interrupt
from flawforge.training.journal import Journal
from flawforge.training.plan import Plan
from flawforge.training.previews import Previews
from flawforge.training.state import TrainingState
from flawforge.training.step import gan_step

ENDS = (None, "kimg", "minutes", "interrupted")  # what ends a training; where processes differ, the last counts


@dataclass
class Loop:
    """Everything that one session of a training needs.

    Attributes:
        previews: grids over the training; 0 draws none.
        checkpoint_seconds: time between checkpoints.
        begun_from: the checkpoint that this session went back to, or None.
    """

    run: Run
    plan: Plan
    state: TrainingState
    batches: RealBatches
    journal: Journal
    grids: Previews
    clock: Clock
    seed: int
    previews: int
    checkpoint_seconds: float
    begun_from: Checkpoint | None = None

    def go_back(self, command: str) -> bool:
        """Put the state of the newest whole checkpoint back, and say whether there was one."""
        processes = self.state.processes
        found = newest_checkpoint(self.run) if processes.first else None
        facts = processes.tell(None if found is None else found.facts)
        if facts is None:
            return False
        self.begun_from = found or Checkpoint(self.run.checkpoints, facts["step"], facts)
        tensors = self.state.tensors() if found is None else found.tensors()
        self.state.load(tensors, facts["step"], facts["seconds"])
        processes.share(self.state.tensors().values())
        self.clock.start_from(self.state.seconds)
        steps = self.plan.steps(len(self.batches))
        self.journal.resumed(command, self.plan.ended(self.state.step, steps, self.state.seconds))
        return True

    def run_to_the_end(self, progress: Progress) -> str:
        """Train, save, and return why it ended: ``kimg``, ``minutes`` or ``interrupted``."""
        state, plan, clock = self.state, self.plan, self.clock
        steps, together = plan.steps(len(self.batches)), state.processes
        with (
            Interrupt(patient=together.count > 1) as interrupt,
            progress.task("training", plan.total(steps), plan.unit) as task,
        ):
            plan.show(task, state, clock, {})
            while (reason := self.why_stop(steps, interrupt)) is None:
                self.one_step()
                if self.journal.due():
                    plan.show(task, state, clock, self.journal.flush())
                    if self.previews and plan.preview_due(self.previews, state.step, steps, clock.seconds):
                        self.draw()
                    if clock.checkpoint_due(self.checkpoint_seconds):
                        self.save(None)
            self.journal.flush()
            if self._has_news(reason):
                self.save(reason)
                if self.previews:
                    self.draw()
                self.journal.stopped(reason)
            together.largest(0)  # all leave when the first has written
        return reason

    def why_stop(self, steps: int | None, interrupt: Interrupt) -> str | None:
        """Return why the training ends before the next step, or None while it goes on; all processes give the same
        answer.
        """
        ended = self.plan.ended(self.state.step, steps, self.clock.seconds)
        return ENDS[self.state.processes.largest(ENDS.index("interrupted" if interrupt.asked else ended))]

    def one_step(self) -> None:
        """Draw latents and real images, train both networks on them, move the average, note the outcome."""
        state, recipe = self.state, self.state.recipe
        first = state.step * recipe.batch
        places = state.processes.mine([(first + i,) for i in range(recipe.batch)])
        latents = draw_latents(self.seed, "latents", places, recipe.latent).to(state.device)
        real = self.batches.at(state.step, state.device)
        labels = self.batches.labels_at(state.step, state.device)
        state.augmentation.step = state.step
        outcome = gan_step(state, real, latents, labels)
        state.step += 1
        if recipe.ema_kimg > 0:
            state.average.update(state.shown, recipe.batch)
        self.journal.note(outcome)

    def draw(self) -> None:
        """Draw a preview grid."""
        if self.state.processes.first:
            self.grids.draw(self.state.maker, self.state.shown / 1000, self.state.device)

    def save(self, reason: str | None) -> None:
        """Write a checkpoint, unless the weights are no longer numbers: then the last good one stays.

        Raises:
            TrainingDivergedError: they are not.
        """
        if not self.state.is_finite():
            raise TrainingDivergedError(
                f"training diverged: weights are no longer finite numbers at step {self.state.step}. The last good "
                f"checkpoint is kept. Try half the step sizes (--generator-lr, --discriminator-lr) or --precision "
                f"float32, in a new --out folder."
            )
        self.state.seconds = self.clock.seconds
        if not self.state.processes.first:
            return
        with self.clock.saving():
            facts = {"kimg": self.state.shown / 1000, "seconds": self.state.seconds, "stopped": reason}
            save_checkpoint(self.run, self.state.step, self.state.tensors(), facts)

    def _has_news(self, reason: str) -> bool:
        before = self.begun_from
        return before is None or self.state.step > before.step or before.facts["stopped"] != reason
