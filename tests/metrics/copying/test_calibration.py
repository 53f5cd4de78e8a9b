"""The reference scores: their p-values keep their promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from flawforge.metrics.copying.calibration import NullScale


def test_the_rank_is_the_conformal_p_value() -> None:
    scale = NullScale.of([0.1, 0.2, 0.3, 0.4])
    assert scale.rank([0.0, 0.1, 0.25, 0.4, 0.5]) == pytest.approx([1, 1, 3 / 5, 2 / 5, 1 / 5])


def test_a_group_counts_once_however_many_images_it_has() -> None:
    scale = NullScale.of([0.5, 0.5, 0.5, 0.1], [7, 7, 7, 8])
    assert scale.groups == 2
    assert scale.rank([0.5, 0.6]) == pytest.approx([2 / 3, 1 / 3])


def test_p_values_are_uniform_without_copying() -> None:
    """Kolmogorov-Smirnov over 200 repeats, each with a scale of its own; ties are broken at random."""
    rng = np.random.default_rng(0)
    p = []
    for _ in range(200):
        values = rng.gumbel(size=40)
        p.append(NullScale.of(values[1:]).rank(values[:1])[0] - rng.uniform() / 40)
    assert stats.kstest(p, "uniform").pvalue > 0.05


@pytest.mark.parametrize("draw", ["normal", "gumbel", "exponential"])
def test_beyond_the_rank_the_tail_does_not_promise_too_much(draw: str) -> None:
    """A threshold for 1 in 1,000, stated from 100 images, is exceeded no more often (mean of 40 scales)."""
    rng = np.random.default_rng(1)
    rates = []
    for _ in range(40):
        limit = NullScale.of(getattr(rng, draw)(size=100)).threshold(0.001)
        rates.append(float((getattr(rng, draw)(size=20_000) >= limit).mean()))
    assert np.mean(rates) <= 0.0015


def test_the_tail_never_exceeds_the_rank_and_falls_with_the_score() -> None:
    scale = NullScale.of(np.random.default_rng(2).gumbel(size=80))
    scores = np.linspace(-3, 30, 200)
    assert (scale.tail(scores) <= scale.rank(scores) + 1e-12).all()
    assert (np.diff(scale.tail(scores)) <= 1e-12).all()
    assert scale.tail([scale.threshold(1e-5)])[0] <= 1e-5


def test_few_groups_promise_little() -> None:
    few, many = (NullScale.of(np.linspace(0, 0.1, n)) for n in (5, 100))
    assert few.tail([0.3])[0] > 30 * many.tail([0.3])[0]
    assert NullScale.of([0.1, 0.2]).threshold(0.01) == float("inf")


def test_scores_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="scores are one finite number per image"):
        NullScale.of([0.1, float("nan")])
