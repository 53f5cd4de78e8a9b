from __future__ import annotations

import math

import pytest

from flawforge.core.errors import TrainingDivergedError
from flawforge.training.watch import GRACE_KIMG, WINDOW, Watch

GOOD = {"step": 10.0, "kimg": 5.0, "loss_d": 1.0, "loss_g": 1.0, "d_real": 0.7, "d_fake": 0.3, "spread": 0.9}


def told(lines: list[dict[str, float]]) -> list[str]:
    watch = Watch()
    return [warning.text for line in lines for warning in watch.judge(line)]


def test_a_healthy_training_is_left_in_peace() -> None:
    assert told([GOOD] * 200) == []


def test_a_collapse_is_told_once_with_what_to_try() -> None:
    (text,) = told([{**GOOD, "spread": 0.05}] * 200)
    assert text == (
        "collapse at 5.0 kimg: the generated images are nearly all alike (their spread is 5% of the "
        "real images'). Try: a "
        "lower --discriminator-lr, a smaller --discriminator-depth, --flip both, more images, or "
        "another --seed; earlier "
        "previews show when it began."
    )


def test_a_discriminator_that_has_won_is_told() -> None:
    (text,) = told([{**GOOD, "d_real": 0.999, "d_fake": 0.001}] * 200)
    assert text.startswith("the discriminator has won at 5.0 kimg: it gives real images 0.999 and generated ones 0.001")
    assert "Try: a lower --discriminator-lr" in text


def test_a_standing_fault_is_told_again_later() -> None:
    lines = [{**GOOD, "kimg": 5 + i / 10, "spread": 0.05} for i in range(WINDOW + 110)]
    assert len(told(lines)) == 2


def test_the_first_images_are_not_judged() -> None:
    assert told([{**GOOD, "kimg": GRACE_KIMG - 0.1, "spread": 0.0, "d_real": 1.0, "d_fake": 0.0}] * 100) == []


def test_a_short_dip_is_no_collapse() -> None:
    assert told([{**GOOD, "spread": 0.05}] * (WINDOW // 2) + [GOOD] * 100) == []


@pytest.mark.parametrize("name", ["loss_d", "loss_g", "d_real", "d_fake"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_the_training(name: str, value: float) -> None:
    with pytest.raises(TrainingDivergedError, match=rf"training diverged: {name} is {value} at step 10 \(5.0 kimg\)"):
        Watch().check_finite({**GOOD, name: value})
