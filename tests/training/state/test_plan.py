from __future__ import annotations

from flawforge.core.settings.recipes import recipe
from flawforge.training.state.plan import Plan


def plan(minutes: float | None, kimg: float | None) -> Plan:
    return Plan(recipe("dcgan-sn", kimg=kimg), 3, minutes, minutes is None or kimg is not None)


def test_the_recipe_decides_the_length_when_nothing_else_does() -> None:
    made = plan(None, None)
    assert made.steps(300) == 3200
    assert made.ended(3199, 3200, 1e9) is None
    assert made.ended(3200, 3200, 0) == "kimg"
    assert (made.total(3200), made.unit) == (38.4, "kimg")


def test_minutes_replace_the_recipes_length() -> None:
    made = plan(2, None)
    assert made.steps(300) is None
    assert made.ended(10**6, None, 119) is None
    assert made.ended(0, None, 120) == "minutes"
    assert (made.total(None), made.unit) == (120, "seconds")


def test_with_both_whichever_ends_first() -> None:
    made = plan(2, 1.2)
    assert made.steps(300) == 100
    assert made.ended(100, 100, 0) == "kimg"
    assert made.ended(99, 100, 120) == "minutes"


def test_previews_are_spread_evenly_and_the_last_is_left_to_the_end() -> None:
    made = plan(None, None)
    due = [step for step in range(0, 3201, 10) if made.preview_due(4, step, 3200, 0)]
    assert due == [0, 800, 1600, 2400]
