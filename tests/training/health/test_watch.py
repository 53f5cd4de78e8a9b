from __future__ import annotations

import json
import math

import pytest

from flawforge.training.health.watch import GRACE_KIMG, WINDOW, Finding, Watch

GOOD = {"step": 10.0, "kimg": 5.0, "loss_d": 1.0, "loss_g": 1.0, "d_real": 0.7, "d_fake": 0.3, "spread": 0.9}


def told(lines: list[dict[str, float]]) -> list[Finding]:
    watch = Watch()
    return [found for line in lines for found in watch.due(watch.judge(line), line["kimg"])]


def test_a_healthy_training_is_left_in_peace() -> None:
    assert told([GOOD] * 200) == []


def test_a_collapse_is_told_once_with_what_to_try() -> None:
    (found,) = told([{**GOOD, "spread": 0.05}] * 200)
    assert found.kind == "collapse"
    assert found.text == "the generated images are nearly all alike (their spread is 5% of the real images')"
    assert found.advice.startswith("Try: a lower --discriminator-lr, a smaller --discriminator-depth, --flip both")


def test_a_discriminator_that_has_won_is_told() -> None:
    (found,) = told([{**GOOD, "d_real": 0.999, "d_fake": 0.001}] * 200)
    assert found.kind == "discriminator-won"
    assert found.text.startswith("the discriminator gives real images 0.999 and generated ones 0.001")
    assert "Try: a lower --discriminator-lr" in found.advice


def test_a_standing_fault_is_told_again_later() -> None:
    lines = [{**GOOD, "kimg": 5 + i / 10, "spread": 0.05} for i in range(WINDOW + 110)]
    assert len(told(lines)) == 2


def test_the_first_images_are_not_judged() -> None:
    assert told([{**GOOD, "kimg": GRACE_KIMG - 0.1, "spread": 0.0, "d_real": 1.0, "d_fake": 0.0}] * 100) == []


def test_a_short_dip_is_no_collapse() -> None:
    assert told([{**GOOD, "spread": 0.05}] * (WINDOW // 2) + [GOOD] * 100) == []


@pytest.mark.parametrize("name", ["loss_d", "loss_g", "d_real", "d_fake"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_no_number_is_found(name: str, value: float) -> None:
    found = Watch().check_finite({**GOOD, name: value})
    assert found is not None
    assert (found.kind, found.text) == ("diverged", f"{name} is {value} at step 10 (5.0 kimg)")
    assert Watch().check_finite(GOOD) is None


def test_a_watch_that_was_put_back_judges_as_one_that_was_never_stopped() -> None:
    lines = [{**GOOD, "spread": 0.3 - 0.01 * i} for i in range(40)]
    straight = Watch()
    whole = [bool(straight.judge(line)) for line in lines]
    first = Watch()
    parts = [bool(first.judge(line)) for line in lines[:25]]
    second = Watch()
    second.load(json.loads(json.dumps(first.state())))
    parts += [bool(second.judge(line)) for line in lines[25:]]
    assert parts == whole
    assert True in whole
    assert not whole[24]


def test_what_came_before_a_going_back_is_forgotten() -> None:
    watch = Watch()
    for _ in range(WINDOW):
        watch.judge({**GOOD, "spread": 0.0})
    watch.forget()
    assert watch.judge({**GOOD, "spread": 0.0}) == []
