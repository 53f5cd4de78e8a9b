"""A statistic on draws of the test groups: the same draws for all, whatever the order and the way of computing."""

from __future__ import annotations

import numpy as np
import pytest

from flawforge.metrics.inference.classification import STATISTICS, weighted_class_mean
from flawforge.metrics.inference.resampling import resampled

BALANCED = STATISTICS["balanced accuracy"]


def test_unequal_groups_and_the_order_of_images_do_not_matter() -> None:
    rng = np.random.default_rng(7)
    groups = np.repeat(np.arange(30), rng.integers(1, 9, 30))
    labels = groups % 3
    p = rng.dirichlet(np.ones(3), (4, len(groups)))
    order = rng.permutation(len(groups))
    one = resampled(p, labels, groups, BALANCED)
    other = resampled(p[:, order], labels[order], groups[order], BALANCED)
    assert one.values == pytest.approx(other.values, abs=1e-14)
    assert one.draws == pytest.approx(other.draws, abs=1e-12)


@pytest.mark.parametrize("name", ["accuracy", "balanced accuracy"])
def test_sums_within_groups_give_the_draws_that_weights_give(name: str) -> None:
    rng = np.random.default_rng(12)
    groups = rng.integers(0, 25, 120)
    labels = rng.integers(0, 3, 120)
    p = rng.dirichlet(np.ones(3), (4, 120))
    quick = resampled(p, labels, groups, STATISTICS[name])
    slow = resampled(p, labels, groups, lambda *parts: STATISTICS[name](*parts))
    assert quick.values == pytest.approx(slow.values, abs=1e-14)
    assert quick.draws == pytest.approx(slow.draws, abs=1e-13)


def test_balanced_outcomes_weigh_classes_alike() -> None:
    labels = np.r_[np.zeros(80, int), np.ones(20, int)]
    right = np.stack([np.r_[np.ones(80), np.zeros(20)]] * 2)
    assert resampled(right, labels, None, weighted_class_mean).values.tolist() == [0.5, 0.5]
