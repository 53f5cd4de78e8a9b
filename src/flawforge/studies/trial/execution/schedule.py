"""The schedule of a trial: which cell is next, how long the rest takes, and when to stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import islice
from pathlib import Path

from flawforge.core.errors import TrainingInterruptedError
from flawforge.core.progress import Progress, Task
from flawforge.core.settings.arms import ARMS
from flawforge.core.settings.trials import FEWEST_REPEATS, TrialSettings
from flawforge.runs.cells import CELLS, CellKey, read_cell
from flawforge.runs.trial_progress import ProgressFile
from flawforge.studies.trial.cells.work_list import PLACED, needs, work_list
from flawforge.studies.trial.execution.local import Executor
from flawforge.training.loop.loop import Interrupt

TICK = 0.5  # seconds between two looks at Ctrl-C and the clock
LOOKED_AT = 100  # waiting cells that may have to wait for others, more than there are workers
SPARE = 1.1  # a repeat is begun when this many times its expected duration is left


@dataclass
class Costs:
    """How long cells take: the mean of those done, by kind; before the first, what was expected.

    Attributes:
        expected: kind to seconds.
    """

    expected: dict[tuple[str, str], float] = field(default_factory=dict)
    _seen: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def note(self, key: CellKey, seconds: float) -> None:
        """Take in one measured cell."""
        self._seen.setdefault(_kind(key), []).append(seconds)

    def of(self, keys: Iterable[CellKey]) -> float:
        """Return the seconds of one core that these cells are expected to take."""
        return sum(self._one(_kind(key)) for key in keys)

    def _one(self, kind: tuple[str, str]) -> float:
        seen = self._seen.get(kind)
        return sum(seen) / len(seen) if seen else self.expected.get(kind, 0.0)


class Schedule:
    """Works through the list of cells.

    Attributes:
        settings: of the trial.
        costs: of its cells.
        done: cells that are on the disk. before: those that were when we began.
        repeats: repeats that will be done as things stand; the budget or an early stop lowers it, and a
            budget that turns out to last longer raises it again.
        ended: why repeats were left out: ``minutes``, ``clear``, or empty.
    """

    def __init__(self, folder: Path, settings: TrialSettings, protocol: str, costs: Costs) -> None:
        self.folder, self.settings, self.costs = folder, settings, costs
        self.cells = work_list(settings)
        self.repeats, self.ended = settings.seeds, ""
        self.done: set[CellKey] = set()
        for key in self.cells:
            cell = read_cell(folder / CELLS, key, protocol)
            if cell is not None:
                self.done.add(key)
                self.costs.note(key, float(cell.facts.get("seconds", 0.0)))
        wanted = {need for key in self.cells if key not in self.done for need in needs(key, settings)}
        of_done_arms = (
            {key for key in self.cells if key.arm.startswith(PLACED)} - self.done - wanted
        )  # an older version's
        self.cells = [key for key in self.cells if key not in of_done_arms]
        self.before = frozenset(self.done)

    def left(self) -> list[CellKey]:
        """Return the cells that are still to be done, in order."""
        return [key for key in self.cells if key not in self.done and key.seed < self.repeats]

    def expected(self, keys: Iterable[CellKey], workers: int) -> float:
        """Return how many seconds these cells will take, each begun as `run` does it: in order, after what it needs.

        Args:
            keys: cells; what they need and is not among them counts as done.
            workers: cells at a time.
        """
        waiting = dict.fromkeys(keys)
        open_cells, now = set(waiting), 0.0
        under_way: list[tuple[float, CellKey]] = []
        while open_cells:
            for key in list(islice(waiting, workers + LOOKED_AT)):
                if len(under_way) == workers:
                    break
                if open_cells.isdisjoint(needs(key, self.settings)):
                    del waiting[key]
                    heappush(under_way, (now + self.costs.of([key]), key))
            now, key = heappop(under_way)
            open_cells.discard(key)
        return now

    def whole(self) -> int:
        """Return how many repeats, from the first on, are wholly done."""
        open_seeds = [key.seed for key in self.cells if key not in self.done]
        return min(open_seeds, default=self.settings.seeds)

    def run(
        self,
        executor: Executor,
        progress: Progress,
        deadline: float | None,
        judge: Callable[[int], bool] | None,
        noted: ProgressFile | None = None,
    ) -> None:
        """Do all cells; each is on the disk as it ends.

        Args:
            executor: where.
            progress: where to tell how far it is and what time is left.
            deadline: on the monotonic clock; no repeat is begun that would end later, but those that a verdict needs.
            judge: called with the number of whole repeats when it has grown; True ends the trial early.
            noted: where else to tell it, for those who watch.

        Raises:
            TrainingInterruptedError: Ctrl-C; what was done is kept.
        """
        under_way: dict[CellKey, float] = {}
        judged = 0
        with Interrupt() as interrupt, progress.task("trial", None, "seconds of work") as task:
            try:
                while True:
                    judged = self._look(judged, judge)
                    self._fit_into(deadline, executor.slots, under_way)
                    waiting = self.left()
                    for key in waiting:
                        if len(under_way) >= executor.slots:
                            break
                        if key not in under_way and all(need in self.done for need in needs(key, self.settings)):
                            executor.submit(key)
                            under_way[key] = time.monotonic()
                    if not under_way:
                        break
                    for key, seconds in executor.finished(TICK):
                        under_way.pop(key, None)
                        self.done.add(key)
                        self.costs.note(key, seconds)
                    self._tell(task, under_way, noted, executor.slots)
                    if interrupt.asked:
                        raise self._stopped()
            except TrainingInterruptedError:  # of a generator in this process, which speaks of its own folder
                raise self._stopped() from None
            finally:
                executor.close()

    def _stopped(self) -> TrainingInterruptedError:
        return TrainingInterruptedError(
            f"stopped with {len(self.done)} of {len(self.cells)} cells done; they are kept in {self.folder}. Run the "
            f"same command again to resume."
        )

    def _look(self, judged: int, judge: Callable[[int], bool] | None) -> int:
        """Judge each number of whole repeats once, in order: a resumed trial stops where an unbroken one did."""
        while judge is not None and self.ended != "clear" and judged < min(self.whole(), self.repeats):
            judged += 1
            if judged < self.settings.seeds and judge(judged):
                self.repeats, self.ended = judged, "clear"
        return judged

    def _fit_into(self, deadline: float | None, slots: int, under_way: dict[CellKey, float]) -> None:
        """Leave out the repeats that would not end in time, as far as is known by now. One that was begun is done."""
        if deadline is None or self.ended == "clear":
            return
        now = time.monotonic()
        self.repeats, self.ended = self.settings.seeds, ""
        begun = max((key.seed for key in (*self.done, *under_way)), default=-1) + 1
        while self.repeats > max(begun, FEWEST_REPEATS):
            rest = [key for key in self.left() if key not in under_way]
            needed = SPARE * (self.costs.of(rest) + self.costs.of(under_way)) / slots
            if now + needed <= deadline:
                return
            self.repeats, self.ended = self.repeats - 1, "minutes"

    def _tell(self, task: Task, under_way: dict[CellKey, float], noted: ProgressFile | None, slots: int) -> None:
        """Move the bar: its unit is the time that the cells of this session are expected to take."""
        now = time.monotonic()
        rest = self.costs.of(key for key in self.left() if key not in under_way)
        begun = sum(min(now - since, self.costs.of([key])) for key, since in under_way.items())
        spent = self.costs.of(self.done - self.before) + begun
        rest += self.costs.of(under_way) - begun
        wanted = [key for key in self.cells if key.seed < self.repeats]
        done = len(self.done.intersection(wanted))
        doing = min((key.seed for key in wanted if key not in self.done), default=self.repeats - 1)
        task.total(spent + rest)
        task.reach(spent, cells=f"{done} of {len(wanted)}", repeat=f"{doing + 1} of {self.repeats}")
        if noted is not None:
            whole, left = min(self.whole(), self.repeats), rest / slots
            noted.reach(cells=len(wanted), done=done, repeats=self.repeats, whole=whole, seconds_left=left)


def clock(seconds: float) -> str:
    """Return a duration in words: ``40 s``, ``12 min``, ``3.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _kind(key: CellKey) -> tuple[str, str]:
    """Return what a cell's duration depends on: training of any arm but real takes the same steps."""
    if key.model and key.arm in ARMS and key.arm not in ("real", "recommended"):
        return ("teacher" if ARMS[key.arm].needs_teacher else "arm", key.model)
    return (key.arm, key.model)
