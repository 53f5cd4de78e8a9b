from __future__ import annotations

import numpy as np
import pytest

from flawforge.metrics.inference.classification import weighted_mean
from flawforge.metrics.inference.equivalent_images import equivalent_images
from flawforge.metrics.inference.resampling import Resampled, resampled

SHOTS = (5, 10, 20, 50)


def arm(level: float, spread: float = 0.01, seed: int = 0) -> Resampled:
    rng = np.random.default_rng(seed)
    return resampled(
        level + spread * rng.standard_normal((6, 1)) + 0.1 * rng.standard_normal((1, 60)),
        np.zeros(60, int),
        None,
        weighted_mean,
        resamples=400,
    )


def exact(level: float) -> Resampled:
    return resampled(np.full((6, 60), level), np.zeros(60, int), None, weighted_mean, resamples=200)


def test_an_arm_as_good_as_the_control_with_more_images_is_worth_those() -> None:
    curve = [exact(v) for v in (0.6, 0.7, 0.8, 0.9)]
    assert equivalent_images(SHOTS, curve, exact(0.8), 10)[:3] == pytest.approx((10, 10, 10))
    assert equivalent_images(SHOTS, curve, exact(0.7), 10).images == pytest.approx(0)
    assert equivalent_images(SHOTS, curve, exact(0.75), 10).images == pytest.approx(np.sqrt(200) - 10)
    assert equivalent_images(SHOTS, curve, exact(0.6), 10).images == pytest.approx(-5)


def test_beyond_the_curve_nothing_is_made_up() -> None:
    curve = [exact(v) for v in (0.6, 0.7, 0.8, 0.9)]
    assert equivalent_images(SHOTS, curve, exact(0.95), 10) == (None, None, None, "more")
    assert equivalent_images(SHOTS, curve, exact(0.5), 10) == (None, None, None, "less")


def test_noise_in_the_curve_gives_an_interval_and_a_dip_does_not_turn_it() -> None:
    curve = [arm(v, seed=i) for i, v in enumerate((0.6, 0.75, 0.72, 0.9))]
    found = equivalent_images(SHOTS, curve, arm(0.8, seed=9), 10)
    assert found.low is not None
    assert found.high is not None
    assert found.images is not None
    assert found.low < found.images < found.high
    assert found == equivalent_images(SHOTS, curve, arm(0.8, seed=9), 10)
    assert equivalent_images(SHOTS, curve, arm(0.85, seed=9), 10).images > found.images


@pytest.mark.slow
def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    inside = 0
    for trial in range(80):
        rng = np.random.default_rng(trial)
        image = 0.1 * rng.standard_normal((1, 60))

        def one(level: float, rng: np.random.Generator = rng, image: np.ndarray = image) -> Resampled:
            values = level + 0.01 * rng.standard_normal((5, 1)) + image
            return resampled(values, np.zeros(60, int), None, weighted_mean, resamples=200)

        found = equivalent_images(
            SHOTS, [one(0.6 + 0.13 * np.log(n / 5)) for n in SHOTS], one(0.6 + 0.13 * np.log(3)), 10
        )
        inside += (found.low is None or found.low <= 5) and (found.high is None or found.high >= 5)
    assert inside >= 0.9 * 80
