from __future__ import annotations

import json

import pytest

from flawforge.core.settings.recipes import recipe
from flawforge.training.health.training_health import AGAIN, SHARE, Care
from flawforge.training.state.collapse_recovery import answered, told


def judged(*values: float, first: float = 10.0) -> tuple[Care, list[str | None]]:
    """Give values to a fresh care, 30 steps apart, after an untrained generator of `first`."""
    care = Care.of(recipe("fewshot"))
    care.note(0, first)
    found = [care.note(30 * (i + 1), value) for i, value in enumerate(values)]
    return care, [one.kind if one is not None else None for one in found]


def test_the_recipe_says_how_often() -> None:
    assert Care.of(recipe("dcgan-sn")).every == 0
    assert not Care.of(recipe("dcgan-sn")).due(10**6)
    assert Care.of(recipe("fewshot", judge_kimg=0.5, batch=16)).every == 30
    assert Care.of(recipe("fewshot", judge_kimg=0.01, batch=16)).every == 10
    care = Care.of(recipe("fewshot", judge_kimg=0.5, batch=16))
    assert next(step for step in range(10, 100, 10) if care.due(step)) == 30


def test_the_lowest_value_is_the_best_and_the_first_of_equals() -> None:
    care, _ = judged(5.0, 2.0, 3.0, 2.0)
    assert care.best == (60, 2.0)


def test_far_worse_three_times_in_a_row_is_a_collapse() -> None:
    assert judged(50.0, 1.0, 11.0, 11.0, 11.0, first=100.0)[1] == [None, None, None, None, "worse"]
    assert judged(50.0, 1.0, 11.0, 11.0, 3.0, 11.0, 11.0, first=100.0)[1] == [None] * 7  # one good one in between
    assert judged(50.0, 1.0, *[9.0] * 10, first=100.0)[1] == [None] * 12  # below the geometric mean of 1 and 100
    assert judged(50.0, -1.0, *[4.0] * 3, first=100.0)[1][-1] == "worse"  # an unbiased estimate may be negative
    assert AGAIN == 3


def test_a_generator_that_has_learnt_little_has_nothing_to_lose() -> None:
    assert judged(11.0, 12.0, 11.5, 12.0, 11.2)[1] == [None] * 5
    assert judged(9.0, 4.0, 9.0, 9.0, 9.0)[1] == [None] * 5


def test_going_back_is_to_the_best_and_counts() -> None:
    care, _ = judged(5.0, 2.0, 90.0, 90.0, 90.0)
    assert (care.go_back(), care.level, care.last) == (60, 1, 60)
    assert care.trials == [(30, 5.0), (60, 2.0)]
    assert not care.due(80)
    assert care.due(90)
    assert Care.of(recipe("fewshot")).go_back() == 0


def test_judging_that_takes_too_long_is_done_half_as_often() -> None:
    care = Care.of(recipe("fewshot"))
    assert not care.spent(SHARE * 10, 10.0)
    assert care.spent(SHARE * 10 + 0.01, 10.0)
    assert not care.due(30)
    assert care.due(60)


def test_it_survives_a_checkpoint() -> None:
    care, _ = judged(5.0, 0.1 + 0.2, 9.0)
    care.go_back()
    assert Care.parse(json.loads(json.dumps(care.dump()))) == care
    assert Care.parse(json.loads(json.dumps(Care().dump()))) == Care()


def test_a_collapse_is_answered_by_smaller_steps_and_stronger_augmentation() -> None:
    begun = recipe("fewshot", generator_lr=2e-4, discriminator_lr=2e-4, augment="light", diversity=2.0)
    first, second = answered(begun, 1), answered(begun, 2)
    assert answered(begun, 0) == begun
    assert (first.generator_lr, first.discriminator_lr, first.augment, first.diversity) == (1e-4, 1e-4, "full", 4.0)
    assert (second.generator_lr, second.augment, second.diversity) == (5e-5, "full", 8.0)
    assert told(begun, first) == "step sizes 0.0002 -> 0.0001, augmentation light -> full, diversity 2 -> 4"
    assert answered(recipe("fewshot", augment="none"), 1).augment == "light"
    changed = {name for name, value in first.dump().items() if value != begun.dump()[name]}
    assert changed == {"generator_lr", "discriminator_lr", "augment", "diversity"}


@pytest.mark.parametrize("level", [1, 3, 10])
def test_an_answer_stays_within_the_ranges(level: int) -> None:
    hard = answered(recipe("fewshot", diversity=60), level)
    assert type(hard).parse(hard.dump()) == hard
