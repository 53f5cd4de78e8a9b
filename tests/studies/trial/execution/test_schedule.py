"""The course of a trial: what is done first, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import pytest

from flawforge.core.errors import TrainingInterruptedError
from flawforge.core.progress import Progress, Task
from flawforge.core.settings.trials import FEWEST_REPEATS, TrialSettings
from flawforge.runs.cells import CELLS, CellKey, write_cell
from flawforge.runs.trial_progress import ProgressFile, TrialProgress
from flawforge.studies.trial.cells.work_list import needs, placed
from flawforge.studies.trial.execution import schedule as trial_schedule
from flawforge.studies.trial.execution.schedule import Costs, Schedule, clock
from flawforge.studies.trial.plan import plan
from flawforge.studies.trial.setup.open import open_trial
from trial_material import draw_dataset


def test_what_waits_for_others_takes_its_time_on_any_number_of_workers(tmp_path: Path) -> None:
    settings = TrialSettings(models=("small-cnn",), seeds=1, arms=("classical", "filtered"))
    seconds = {("generator", ""): 50.0, ("choice", "small-cnn"): 20.0, ("arm", "small-cnn"): 10.0}
    costs = Costs(seconds | {(f"generator-fold{fold}", ""): 30.0 for fold in range(3)})
    schedule = Schedule(tmp_path, settings, "protocol", costs)
    assert schedule.expected(schedule.cells, 1) == 50 + 3 * 30 + 20 + 2 * 10
    assert schedule.expected(schedule.cells, 2) == 50 + 30 + 20 + 10  # the choice waits for all folds
    assert schedule.expected(schedule.cells, 99) == 50 + 10  # all else is done beside the generator
    assert schedule.expected([key for key in schedule.cells if key.arm == "classical"], 99) == 10
    assert schedule.expected([], 2) == 0


def test_what_is_made_once_for_several_arms_takes_its_own_time(tmp_path: Path) -> None:
    arms = ("classical", "copy-paste", "placed", "placed-and-pasted")
    settings = TrialSettings(task="locate", models=("unet",), seeds=1, arms=arms)
    expected = {("arm", "unet"): 60.0, (placed("placed"), ""): 90.0, (placed("copy-paste"), ""): 10.0}
    schedule = Schedule(tmp_path, settings, "protocol", Costs(expected))
    assert schedule.expected(schedule.cells, 1) == 90 + 10 + 4 * 60
    schedule.costs.note(CellKey(0, 5, placed("placed")), 110.0)
    assert schedule.expected(schedule.cells, 1) == 110 + 10 + 4 * 60  # what it took says nothing of arms


def test_images_are_not_made_again_for_arms_that_an_older_version_has_done(tmp_path: Path) -> None:
    """A trial that had ended counted no whole repeat, and made the images of all of them."""
    settings = TrialSettings(task="locate", models=("unet",), seeds=2, arms=("classical", "copy-paste"))
    for seed, arm in product((0, 1), settings.arms):
        write_cell(tmp_path / CELLS, CellKey(seed, 5, arm, "unet"), "protocol")
    schedule = Schedule(tmp_path, settings, "protocol", Costs({}))
    assert (schedule.whole(), schedule.left()) == (2, [])
    more = settings.model_copy(update={"models": ("unet", "effnet-dense")})
    arms = [CellKey(seed, 5, arm, "effnet-dense") for seed, arm in product((0, 1), settings.arms)]
    made = [CellKey(seed, 5, placed("copy-paste")) for seed in (0, 1)]
    assert set(Schedule(tmp_path, more, "protocol", Costs({})).left()) == {*arms, *made}


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
    noted = ProgressFile(tmp_path, ["a plan"])
    schedule.run(executor, progress, None, None, noted)  # type: ignore[arg-type]
    written = TrialProgress.model_validate_json((tmp_path / "progress.json").read_text())
    assert (written.cells, written.done) == (len(schedule.cells), len(schedule.cells))
    assert (written.repeats, written.whole, written.seconds_left, written.told) == (3, 3, 0.0, ["a plan"])
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


class Timed(Instant):
    """Takes two seconds of a clock that it moves itself for a cell."""

    now = 0.0

    def finished(self, tick: float) -> list[tuple[CellKey, float]]:
        self.now += 2
        return super().finished(tick)


TEN = SETTINGS.model_copy(update={"seeds": 10})


def timed(
    tmp_path: Path, patch: pytest.MonkeyPatch, deadline: float, costs: Costs, judge: Callable[[int], bool] | None
) -> tuple[Schedule, Timed]:
    schedule, executor = Schedule(tmp_path, TEN, "p", costs), Timed(TEN)
    patch.setattr(trial_schedule, "time", SimpleNamespace(monotonic=lambda: executor.now))
    schedule.run(executor, Telling(), deadline, judge)  # type: ignore[arg-type]
    return schedule, executor


def seconds_of_repeats(folder: Path) -> tuple[int, int]:
    """Return what the first repeat takes, which chooses for all, and what every other does."""
    cells = Schedule(folder, TEN, "p", Costs()).cells
    first, one = (2 * sum(key.seed == seed for key in cells) for seed in (0, 1))
    assert first > one
    return first, one


def test_a_guess_that_was_too_long_costs_no_repeats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    costs = Costs({(name, ""): 600.0 for name in ("generator", "generator-fold0", "generator-fold1")})
    schedule, executor = timed(tmp_path, monkeypatch, 1500, costs, None)
    assert (schedule.whole(), schedule.repeats, schedule.ended) == (10, 10, "")
    assert executor.now == 2 * len(schedule.cells)


def test_a_budget_ends_it_between_repeats_and_never_below_what_a_verdict_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, one = seconds_of_repeats(tmp_path)
    for seconds, repeats in ((first + 5 * one + 9, 6), (first + 9 * one + 9, 10), (1, FEWEST_REPEATS)):
        schedule, executor = timed(tmp_path, monkeypatch, seconds, Costs(), None)
        assert executor.now == first + (repeats - 1) * one
        assert (schedule.repeats, schedule.ended) == (repeats, "minutes" if repeats < 10 else "")


def test_the_evidence_is_looked_at_within_a_budget_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, one = seconds_of_repeats(tmp_path)
    budget = first + 5 * one + 9
    looked: list[int] = []
    schedule, _ = timed(tmp_path, monkeypatch, budget, Costs(), lambda repeats: looked.append(repeats) or False)
    assert looked == [1, 2, 3, 4, 5, 6]
    assert schedule.ended == "minutes"
    schedule, executor = timed(tmp_path, monkeypatch, budget, Costs(), lambda repeats: repeats == 4)
    assert (schedule.repeats, schedule.ended) == (4, "clear")
    assert executor.now == first + 3 * one


def test_a_plan_within_minutes_says_how_many_repeats_and_never_more_than_were_asked_for(tmp_path: Path) -> None:
    photos = draw_dataset(tmp_path / "photos", 12)
    for minutes, seeds, told in ((0.001, 10, 3), (0.001, 1, 1), (1e6, 10, 10)):
        settings = TrialSettings(arms=("real", "classical"), shots=(3,), resolution=(32, 32), seeds=seeds)
        bench = open_trial(photos, tmp_path / "out", settings)
        schedule = Schedule(tmp_path / "out", settings, bench.protocol, Costs({("arm", "small-cnn"): 60.0}))
        planned = plan(bench, schedule, 1, minutes)
        assert planned.seeds == told
        too_short = f"A budget of {minutes:g} minutes is too short for the 3 repeats that a verdict needs"
        assert (too_short in planned.sentence) == (told == 3)


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
