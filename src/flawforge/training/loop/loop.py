"""The training loop: step after step until the length is reached, the time is over, or the user says stop."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from flawforge.core.errors import SettingError
from flawforge.core.progress import Progress, Task
from flawforge.runs.checkpoint import Checkpoint, newest_checkpoint
from flawforge.training.loop.checkpoint_keeper import CheckpointKeeper
from flawforge.training.loop.previews import Previews
from flawforge.training.loop.step import train_step
from flawforge.training.setup.batches import Batches
from flawforge.training.state.plan import TrainingPlan

ENDING_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
END_REASONS = (None, "kimg", "minutes", "interrupted", "collapse")  # where processes differ, the last counts


class Loop:
    """One session of a training.

    Args:
        plan: what is trained and for how long.
        batches: real images.
        grids: draws the previews.
        keeper: evaluates the training and keeps its weights; with its run, state, log and clock.
        previews: grids over the training; 0 draws none.
        checkpoint_seconds: time between checkpoints.

    Attributes:
        begun_from: the checkpoint that this session went back to, or None.
    """

    def __init__(
        self,
        plan: TrainingPlan,
        batches: Batches,
        grids: Previews,
        keeper: CheckpointKeeper,
        previews: int,
        checkpoint_seconds: float,
    ) -> None:
        self.plan, self.batches, self.grids, self.keeper = plan, batches, grids, keeper
        self.run, self.state, self.log, self.clock = keeper.run, keeper.state, keeper.log, keeper.clock
        self.previews, self.checkpoint_seconds = previews, checkpoint_seconds
        self.begun_from: Checkpoint | None = None

    def restore(self, command: str) -> bool:
        """Put the state of the newest complete checkpoint back, and say whether there was one."""
        processes = self.state.processes
        found = newest_checkpoint(self.run, self.keeper.progress) if processes.first else None
        facts = processes.tell(None if found is None else found.facts)
        if facts is None:
            self.log.begun()
            return False
        self.begun_from = found or Checkpoint(self.run.checkpoints, facts["step"], facts)
        tensors = self.state.tensors() if found is None else found.tensors()
        self.state.load(tensors, facts["step"], facts["seconds"])
        processes.share(self.state.tensors().values())
        self.clock.start_from(self.state.seconds)
        self.keeper.resume(self.begun_from.facts)
        self.log.resumed(command, self._end_reason())
        return True

    def run_to_the_end(self, progress: Progress) -> str:
        """Train, save, and return why it ended: ``kimg``, ``minutes``, ``collapse`` or ``interrupted``.

        Raises:
            SettingError: the minutes were over before the first step.
        """
        state, plan, clock = self.state, self.plan, self.clock
        together = state.processes
        with (
            Interrupt(patient=together.count > 1) as interrupt,
            progress.task("training", plan.total, plan.unit) as task,
        ):
            plan.show(task, state.shown, clock.seconds, {})
            self.keeper.begin()
            reason: str | None = None
            while reason is None:
                reason = self.stop_reason(interrupt)
                if reason == "minutes" and state.step == 0:
                    raise SettingError(plan.too_short(clock.seconds))
                if reason is None:
                    self.train_step()
                if reason is not None or self.log.due():
                    reason = self.log_and_check(reason, task, progress)
            if self._has_news(reason):
                self.keeper.save(reason)
                if self.previews:
                    self.draw()
                    self.grids.draw_last(self.state.sampling_generator, self.state.device)
                self.log.stopped(reason)
            together.largest(0)  # all leave when the first has written
        return reason

    def stop_reason(self, interrupt: Interrupt) -> str | None:
        """Return why the training ends before the next step, or None while it goes on; all processes give the same
        answer.
        """
        reason = "interrupted" if interrupt.asked else self._end_reason()
        return END_REASONS[self.state.processes.largest(END_REASONS.index(reason))]

    def log_and_check(self, reason: str | None, task: Task, progress: Progress) -> str | None:
        """Write the history, evaluate, recover from what is wrong, draw and save where due; return why training ends,
        or None.

        After a collapse that is found where training was to end by its length, it goes back and continues.
        """
        seen = self.keeper.evaluate() if reason is None else self.keeper.check_weights()
        line, logged = self.log.write_line()
        if problem := logged or seen:
            if not self.keeper.recover(problem):
                return "collapse"
            return None if reason == "kimg" else reason
        if reason is None:
            self.plan.show(task, self.state.shown, self.clock.seconds, line)
            self.plan.announce_end(progress, line, self.clock.seconds)
            if self.previews and self.plan.preview_due(self.previews, self.state.step, self.clock.seconds):
                self.draw()
            if self.clock.checkpoint_due(self.checkpoint_seconds) and self.keeper.check_weights() is None:
                self.keeper.save(None)
        return reason

    def _end_reason(self) -> str | None:
        if self.keeper.health.given_up:
            return "collapse"
        return self.plan.end_reason(self.state.step, self.clock.seconds)

    def train_step(self) -> None:
        """Take what images are made from, and real ones, train both networks, move the average, log the outcome."""
        self.log.add(train_step(self.state, self.batches))

    def draw(self) -> None:
        """Draw a preview grid."""
        if self.state.processes.first:
            self.grids.draw(self.state.sampling_generator, self.state.shown / 1000, self.state.device)

    def _has_news(self, reason: str) -> bool:
        before = self.begun_from
        return before is None or self.state.step != before.step or before.facts["stopped"] != reason


class Interrupt:
    """While entered, a signal that ends a process only sets `asked`, so that all can be saved: Ctrl-C, SIGTERM, and the
    SIGHUP of a terminal that is closed or a connection that is lost. Only a second Ctrl-C stops at once, unless
    `patient`: whatever closes a notebook, a terminal or a job sends one signal after the other.

    torchrun passes a Ctrl-C on that its processes have had from the terminal already, so there the second one is no
    second wish; torchrun itself ends a process that takes longer than 30 seconds.

    What is ignored stays so (nohup, a shell's background). Handlers can be set in the main thread only; elsewhere it
    does nothing and `asked` stays False.
    """

    def __init__(self, *, patient: bool = False) -> None:
        self.asked, self.patient = False, patient
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupt:
        """Take the signals over."""
        if threading.current_thread() is threading.main_thread():
            for number in ENDING_SIGNALS:
                if signal.getsignal(number) != signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked and number == signal.SIGINT and not self.patient:
            raise KeyboardInterrupt
        self.asked = True
