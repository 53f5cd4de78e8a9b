from __future__ import annotations

import json
import math

import pytest

from flawforge.core.settings.recipes import recipe
from flawforge.training.health.training_health import (
    EVALUATION_SHARE,
    GRACE_KIMG,
    WINDOW,
    WORSE_IN_A_ROW,
    LogMonitor,
    TrainingHealth,
    TrainingProblem,
)

GOOD = {"step": 10.0, "kimg": 5.0, "loss_d": 1.0, "loss_g": 1.0, "d_real": 0.7, "d_fake": 0.3, "spread": 0.9}


def warned(lines: list[dict[str, float]]) -> list[TrainingProblem]:
    monitor = LogMonitor()
    return [problem for line in lines for problem in monitor.new(monitor.check(line), line["kimg"])]


def test_a_healthy_training_is_left_in_peace() -> None:
    assert warned([GOOD] * 200) == []


def test_a_collapse_is_told_once_with_what_to_try() -> None:
    (problem,) = warned([{**GOOD, "spread": 0.05}] * 200)
    assert problem.kind == "collapse"
    assert problem.text == "the generated images are nearly all alike (their spread is 5% of the real images')"
    assert problem.advice.startswith("Try: a lower --discriminator-lr, a smaller --discriminator-depth, --flip both")


def test_a_discriminator_that_has_won_is_told() -> None:
    (problem,) = warned([{**GOOD, "d_real": 0.999, "d_fake": 0.001}] * 200)
    assert problem.kind == "discriminator-won"
    assert problem.text.startswith("the discriminator gives real images 0.999 and generated ones 0.001")
    assert "Try: a lower --discriminator-lr" in problem.advice


def test_a_standing_fault_is_told_again_later() -> None:
    lines = [{**GOOD, "kimg": 5 + i / 10, "spread": 0.05} for i in range(WINDOW + 110)]
    assert len(warned(lines)) == 2


def test_the_first_images_are_not_looked_at() -> None:
    assert warned([{**GOOD, "kimg": GRACE_KIMG - 0.1, "spread": 0.0, "d_real": 1.0, "d_fake": 0.0}] * 100) == []


def test_a_short_dip_is_no_collapse() -> None:
    assert warned([{**GOOD, "spread": 0.05}] * (WINDOW // 2) + [GOOD] * 100) == []


@pytest.mark.parametrize("name", ["loss_d", "loss_g", "d_real", "d_fake"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_no_number_is_found(name: str, value: float) -> None:
    problem = LogMonitor().check_finite({**GOOD, name: value})
    assert problem is not None
    assert (problem.kind, problem.text) == ("diverged", f"{name} is {value} at step 10 (5.0 kimg)")
    assert LogMonitor().check_finite(GOOD) is None


def test_a_monitor_that_was_put_back_finds_what_one_that_was_never_interrupted_finds() -> None:
    lines = [{**GOOD, "spread": 0.3 - 0.01 * i} for i in range(40)]
    straight = LogMonitor()
    whole = [bool(straight.check(line)) for line in lines]
    first = LogMonitor()
    parts = [bool(first.check(line)) for line in lines[:25]]
    second = LogMonitor()
    second.load(json.loads(json.dumps(first.state())))
    parts += [bool(second.check(line)) for line in lines[25:]]
    assert parts == whole
    assert True in whole
    assert not whole[24]


def test_what_came_before_a_going_back_is_forgotten() -> None:
    monitor = LogMonitor()
    for _ in range(WINDOW):
        monitor.check({**GOOD, "spread": 0.0})
    monitor.forget()
    assert monitor.check({**GOOD, "spread": 0.0}) == []


def evaluated(*values: float, first: float = 10.0) -> tuple[TrainingHealth, list[str | None]]:
    """Give values to a fresh training, 30 steps apart, after an untrained generator of `first`."""
    health = TrainingHealth.of(recipe("fewshot"))
    health.add(0, first)
    problems = [health.add(30 * (i + 1), value) for i, value in enumerate(values)]
    return health, [problem.kind if problem is not None else None for problem in problems]


def test_the_recipe_says_how_often() -> None:
    assert TrainingHealth.of(recipe("dcgan-sn")).every == 0
    assert not TrainingHealth.of(recipe("dcgan-sn")).due(10**6)
    assert TrainingHealth.of(recipe("fewshot", judge_kimg=0.5, batch=16)).every == 30
    assert TrainingHealth.of(recipe("fewshot", judge_kimg=0.01, batch=16)).every == 10
    health = TrainingHealth.of(recipe("fewshot", judge_kimg=0.5, batch=16))
    assert next(step for step in range(10, 100, 10) if health.due(step)) == 30


def test_the_lowest_value_is_the_best_and_the_first_of_equals() -> None:
    health, _ = evaluated(5.0, 2.0, 3.0, 2.0)
    assert health.best == (60, 2.0)


def test_far_worse_three_times_in_a_row_is_a_collapse() -> None:
    assert evaluated(50.0, 1.0, 11.0, 11.0, 11.0, first=100.0)[1] == [None, None, None, None, "worse"]
    assert evaluated(50.0, 1.0, 11.0, 11.0, 3.0, 11.0, 11.0, first=100.0)[1] == [None] * 7  # one good one in between
    assert evaluated(50.0, 1.0, *[9.0] * 10, first=100.0)[1] == [None] * 12  # below the geometric mean of 1 and 100
    assert evaluated(50.0, -1.0, *[4.0] * 3, first=100.0)[1][-1] == "worse"  # an unbiased estimate may be negative
    assert WORSE_IN_A_ROW == 3


def test_a_generator_that_has_learnt_little_has_nothing_to_lose() -> None:
    assert evaluated(11.0, 12.0, 11.5, 12.0, 11.2)[1] == [None] * 5
    assert evaluated(9.0, 4.0, 9.0, 9.0, 9.0)[1] == [None] * 5


def test_going_back_is_to_the_best_and_counts() -> None:
    health, _ = evaluated(5.0, 2.0, 90.0, 90.0, 90.0)
    assert (health.go_back(), health.level, health.last) == (60, 1, 60)
    assert health.trials == [(30, 5.0), (60, 2.0)]
    assert not health.due(80)
    assert health.due(90)
    assert TrainingHealth.of(recipe("fewshot")).go_back() == 0


def test_judging_that_takes_too_long_is_done_half_as_often() -> None:
    health = TrainingHealth.of(recipe("fewshot"))
    assert not health.add_time(EVALUATION_SHARE * 10, 10.0)
    assert health.add_time(EVALUATION_SHARE * 10 + 0.01, 10.0)
    assert not health.due(30)
    assert health.due(60)


def test_it_survives_a_checkpoint() -> None:
    health, _ = evaluated(5.0, 0.1 + 0.2, 9.0)
    health.go_back()
    assert TrainingHealth.parse(json.loads(json.dumps(health.dump()))) == health
    assert TrainingHealth.parse(json.loads(json.dumps(TrainingHealth().dump()))) == TrainingHealth()


def test_a_run_keeps_the_criterion_that_it_began_with() -> None:
    """Version 1 did not divide by the share that is covered: values of both cannot be compared."""
    health, _ = evaluated(5.0, 0.1, 0.2)
    old = {key: value for key, value in health.dump().items() if key != "criterion"}
    resumed = TrainingHealth.parse(json.loads(json.dumps(old)))
    assert resumed.criterion == 1
    assert resumed.best == health.best
    assert TrainingHealth.parse(resumed.dump()).criterion == 1
