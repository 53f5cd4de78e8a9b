from __future__ import annotations

import time

import pytest

from flawforge.core.progress import Task
from flawforge.core.settings.recipes import recipe
from flawforge.training.state.plan import SAVING_SHARE, Clock, TrainingPlan


def planned(minutes: float | None, steps: int | None) -> TrainingPlan:
    return TrainingPlan(recipe("dcgan-sn"), 3, minutes, steps)


def test_without_minutes_the_steps_end_it() -> None:
    plan = planned(None, 3200)
    assert plan.end_reason(3199, 1e9) is None
    assert plan.end_reason(3200, 0) == "kimg"
    assert (plan.total, plan.unit) == (38.4, "kimg")


def test_minutes_alone_end_it() -> None:
    plan = planned(2, None)
    assert plan.end_reason(10**6, 119) is None
    assert plan.end_reason(0, 120) == "minutes"
    assert (plan.total, plan.unit) == (120, "seconds")


def test_with_both_whichever_ends_first() -> None:
    plan = planned(2, 100)
    assert plan.end_reason(100, 0) == "kimg"
    assert plan.end_reason(99, 120) == "minutes"


def test_the_time_to_ask_for_is_that_of_the_command_that_was_typed() -> None:
    alone, whole_job = planned(0.01, None), TrainingPlan(recipe("dcgan-sn"), 3, 0.03, None, budget=0.1)
    took = "no time was left to train: reading and setting up took 9.0 s, and "
    lost = " s, which includes reading. The generator is untrained and was not saved. "
    assert alone.too_short(9) == (
        f"{took}--minutes gives 0.6{lost}Add --resume and give more time, e.g. --minutes 0.6."
    )
    assert whole_job.too_short(9) == (  # of 2 minutes training has 0.3 or more: again 36 s, four times what it took
        f"{took}--minutes 0.1 gives training 1.8{lost}Give more time, e.g. --minutes 2."
    )


def test_previews_are_spread_evenly_and_the_last_is_left_to_the_end() -> None:
    plan = planned(None, 3200)
    due = [step for step in range(0, 3201, 10) if plan.preview_due(4, step, 0)]
    assert due == [0, 800, 1600, 2400]


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    return now


def test_seconds_count_over_sessions(at: list[float]) -> None:
    clock = Clock()
    clock.start_from(50)
    at[0] += 3
    assert clock.seconds == 53


def test_a_checkpoint_is_due_by_time_and_a_slow_disk_stretches_it(at: list[float]) -> None:
    clock = Clock()
    at[0] += 59
    assert not clock.checkpoint_due(60)
    at[0] += 1
    assert clock.checkpoint_due(60)
    with clock.saving():
        at[0] += 10
    at[0] += 60
    assert not clock.checkpoint_due(60)
    at[0] += SAVING_SHARE * 10 - 60
    assert clock.checkpoint_due(60)


@pytest.mark.parametrize(("minutes", "steps", "shown"), [(None, 3200, {}), (2, None, {"kimg": "1.5"})])
def test_the_bar_says_once_how_many_kimg_were_trained(
    minutes: float | None, steps: int | None, shown: dict[str, str]
) -> None:
    """A bar that counts kimg once said them again beside it."""
    told: list[tuple[float, dict[str, str]]] = []

    class Heard(Task):
        def reach(self, place: float, **facts: str) -> None:
            told.append((place, facts))

    planned(minutes, steps).show(Heard(), 1500, 60.0, {})
    assert told == [(60.0 if minutes else 1.5, shown)]
