from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from flawforge.metrics.fidelity.kid import Interval, group_weights, percentile_interval


def bootstrap_mean(
    values: np.ndarray, groups: np.ndarray | None = None, seed: int = 0, resamples: int = 2000
) -> Interval:
    weights = group_weights(groups, len(values), seed, resamples=resamples)
    count = len(values) if groups is None else len(np.unique(groups))
    return percentile_interval(weights @ values / weights.sum(axis=1), count)


def test_a_group_is_drawn_whole_and_two_groups_at_least() -> None:
    groups = [7, 7, 3, 3, 3, 9]
    weights = group_weights(groups, 6, 0, resamples=500)
    assert weights.shape == (500, 6)
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, [2]] == weights[:, 2:5]).all()
    assert (weights[:, [0, 2, 5]].sum(axis=1) == 3).all()  # as many groups as there are
    assert ((weights[:, [0, 2, 5]] > 0).sum(axis=1) >= 2).all()


def test_the_seed_and_the_position_decide() -> None:
    assert (group_weights(None, 9, 1, "a") == group_weights(None, 9, 1, "a")).all()
    assert (group_weights(None, 9, 1, "a") != group_weights(None, 9, 1, "b")).any()
    assert (group_weights(None, 9, 1, "a") != group_weights(None, 9, 2, "a")).any()


@pytest.mark.parametrize("n", [8, 20])
def test_the_interval_of_a_mean_is_students_for_normal_values(n: int) -> None:
    # the reference: mean ± t · s / sqrt(n); percentiles of 20,000 draws agree within a tenth of its width
    values = np.random.default_rng(0).standard_normal(n)
    found = bootstrap_mean(values, seed=0, resamples=20_000)
    half = stats.t.ppf(0.975, n - 1) * values.std(ddof=1) / np.sqrt(n)
    assert found.low == pytest.approx(values.mean() - half, abs=0.25 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.25 * half)
    assert found.groups == n


@pytest.mark.parametrize("n", [6, 10])
def test_normal_resamples_give_students_interval_exactly(n: int) -> None:
    # resampled means have variance (n - 1)/n of the unbiased one; on a fine grid of such quantiles: ± t
    grid = stats.norm.ppf(np.linspace(0, 1, 2_000_001)[1:-1]) * np.sqrt((n - 1) / n)
    found = percentile_interval(grid, n)
    assert found[:2] == pytest.approx((stats.t.ppf(0.025, n - 1), stats.t.ppf(0.975, n - 1)), rel=3e-3)


@pytest.mark.slow
def test_groups_keep_the_coverage_that_single_images_lose() -> None:
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(15), 6)
    hits = {"groups": 0, "images": 0}
    for seed in range(200):
        values = rng.standard_normal(15)[groups] + 0.2 * rng.standard_normal(90)
        for name, given in (("groups", groups), ("images", None)):
            found = bootstrap_mean(values, given, seed, resamples=300)
            hits[name] += found.low <= 0 <= found.high
    assert hits["groups"] >= 200 * (0.95 - 3 * np.sqrt(0.95 * 0.05 / 200))
    assert hits["images"] < 140


def test_what_does_not_fit_is_told() -> None:
    with pytest.raises(ValueError, match="groups holds 1 groups; this number needs at least 2"):
        group_weights([1, 1], 2, 0)
