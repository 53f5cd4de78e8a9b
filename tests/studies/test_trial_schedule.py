"""The course of a trial: what is done first, and what is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flawforge.core.errors import TrainingInterruptedError
from flawforge.core.progress import Progress, Task
from flawforge.core.trials import TrialSettings
from flawforge.runs.cells import CellKey
from flawforge.studies.trial_cells import needs
from flawforge.studies.trial_schedule import Costs, Schedule, clock


class Told(Task):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.facts: list[dict[str, str]] = []
        self.places: list[float] = []

    def reach(self, place: float, **facts: str) -> None:
        self.places.append(place)
        self.facts.append(facts)


class Telling(Progress):
    """Hands out one `Told`."""

    def __init__(self) -> None:
        self.told = Told()

    @contextmanager
    def task(self, title: str, total: float | None = None, unit: str = "") -> Iterator[Task]:
        yield self.told


class Instant:
    """Does one cell at a time, at once, and minds that what it needs was done."""

    slots = 1

    def __init__(self, settings: TrialSettings) -> None:
        self.settings, self.order, self.closed = settings, list[CellKey](), False

    def submit(self, key: CellKey) -> None:
        assert set(needs(key, self.settings)) <= set(self.order)
        self.order.append(key)

    def finished(self, tick: float) -> list[tuple[CellKey, float]]:
        return [(self.order[-1], 2.0)]

    def close(self) -> None:
        self.closed = True


SETTINGS = TrialSettings(seeds=3, arms=("classical", "filtered", "recommended"))


def test_repeats_are_told_from_the_first_to_the_last(tmp_path: Path) -> None:
    schedule, progress, executor = Schedule(tmp_path, SETTINGS, "p", Costs()), Telling(), Instant(SETTINGS)
    schedule.run(executor, progress, None, None)  # type: ignore[arg-type]
    assert len(executor.order) == len(set(executor.order)) == len(schedule.cells)
    assert executor.closed
    repeats = [facts["repeat"] for facts in progress.told.facts]
    assert repeats[0] == "1 of 3"
    assert repeats[-1] == "3 of 3"
    assert repeats == sorted(repeats)
    assert progress.told.facts[0]["cells"] == f"1 of {len(schedule.cells)}"
    assert progress.told.places == sorted(progress.told.places)


def test_a_judge_who_has_seen_enough_ends_it_before_the_last_repeat(tmp_path: Path) -> None:
    schedule, executor = Schedule(tmp_path, SETTINGS, "p", Costs()), Instant(SETTINGS)
    schedule.run(executor, Telling(), None, lambda repeats: repeats == 2)  # type: ignore[arg-type]
    assert schedule.ended == "clear"
    assert {key.seed for key in executor.order} == {0, 1}


def test_a_stop_inside_a_cell_speaks_of_the_trial(tmp_path: Path) -> None:
    class Stopped(Instant):
        def finished(self, tick: float) -> list[tuple[CellKey, float]]:
            if len(self.order) == 3:
                raise TrainingInterruptedError("stopped at 0.5 kimg; everything is saved in generators/s0000")
            return super().finished(tick)

    executor = Stopped(SETTINGS)
    schedule = Schedule(tmp_path, SETTINGS, "p", Costs())
    with pytest.raises(TrainingInterruptedError, match=r"stopped with 2 of \d+ cells done; they are kept in"):
        schedule.run(executor, Telling(), None, None)  # type: ignore[arg-type]
    assert executor.closed


@pytest.mark.parametrize(("seconds", "words"), [(40, "40 s"), (720, "12 min"), (12600, "3.5 h")])
def test_a_duration_in_words(seconds: float, words: str) -> None:
    assert clock(seconds) == words
