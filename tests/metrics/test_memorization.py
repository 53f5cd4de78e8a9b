"""Tests of a whole set: silent without copying, loud with it, and fooled by neither batch nor seed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from flawforge.metrics import memorization

ALL = [
    memorization.data_copying,
    memorization.calibrated_distance,
    memorization.authenticity,
    memorization.closest_record_share,
]


def sets(seed: int, near: float | None = None, n: int = 40) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training, held-out and generated: of one distribution, or near copies of training."""
    rng = np.random.default_rng(seed)
    train, held, made = rng.normal(size=(3, n, 8))
    return train, held, made if near is None else train + near * rng.normal(size=train.shape)


@pytest.mark.parametrize("test", [*ALL, memorization.frechet_triangle], ids=lambda test: test.__name__)
def test_copies_are_told_and_the_effect_has_the_right_sign(test: object) -> None:
    honest, copied = test(*sets(0)), test(*sets(0, near=0.05))  # type: ignore[operator]
    assert copied.p < 0.01 < honest.p
    if test is memorization.closest_record_share:
        assert copied.effect > 0.95
    else:
        assert copied.effect < honest.effect


@pytest.mark.parametrize(
    "test", [memorization.data_copying, memorization.calibrated_distance], ids=lambda t: t.__name__
)
def test_p_values_are_uniform_without_copying(test: object) -> None:
    p = [test(*sets(seed)).p for seed in range(200)]  # type: ignore[operator]
    assert stats.kstest(p, "uniform").pvalue > 0.01


@pytest.mark.parametrize(
    "test", [memorization.authenticity, memorization.closest_record_share], ids=lambda t: t.__name__
)
def test_discrete_p_values_never_promise_too_much(test: object) -> None:
    p = np.array([test(*sets(seed)).p for seed in range(200)])  # type: ignore[operator]
    for level in (0.05, 0.2, 0.5):
        assert (p <= level).mean() <= level + 3 * np.sqrt(level * (1 - level) / 200)


def test_the_triangle_keeps_its_level() -> None:
    p = np.array([memorization.frechet_triangle(*sets(seed, n=12)).p for seed in range(40)])
    assert (p <= 0.1).mean() <= 0.1 + 3 * np.sqrt(0.09 / 40)


def test_closed_form() -> None:
    train, held = np.array([[0.0], [10.0]]), np.array([[4.0], [14.0]])
    found = memorization.data_copying(train, held, np.array([[1.0], [11.0]]))
    assert found.effect == 0  # 1 and 1 against 4 and 4
    assert memorization.closest_record_share(train, held, np.array([[1.0], [11.0], [13.0]])).effect == pytest.approx(
        2 / 3
    )
    assert memorization.authenticity(train, held, np.array([[1.0], [30.0]])).effect == 0.5


@pytest.mark.parametrize("test", ALL, ids=lambda test: test.__name__)
def test_the_same_seed_gives_the_same_and_order_does_not_matter(test: object) -> None:
    train, held, made = sets(3)
    assert test(train, held, made) == test(train, held, made)  # type: ignore[operator]
    assert test(train, held, made[::-1]).effect == pytest.approx(test(train, held, made).effect)  # type: ignore[operator]
