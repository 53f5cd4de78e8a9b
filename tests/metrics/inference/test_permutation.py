from __future__ import annotations

import itertools

import numpy as np
import pytest

from flawforge.metrics.inference.permutation import sign_flips


def test_all_of_one_sign_gives_the_least_p() -> None:
    for count in (1, 3, 5, 10, 12):
        assert sign_flips(np.full(count, 0.02)) == (2.0 ** (1 - count), 2.0 ** (1 - count))


def test_it_is_the_count_over_all_patterns() -> None:
    d = np.random.default_rng(0).normal(0.5, 1, 7)
    sums = [abs(np.dot(signs, d)) for signs in itertools.product((1, -1), repeat=7)]
    assert sign_flips(d).p == pytest.approx(np.mean(np.array(sums) >= abs(d.sum()) - 1e-12), abs=1e-15)


def test_swap_and_scale_change_nothing_and_nothing_is_found_in_nothing() -> None:
    d = np.random.default_rng(1).normal(0.5, 1, 9)
    assert sign_flips(d) == sign_flips(-d) == sign_flips(1e-6 * d)
    assert sign_flips(np.zeros(5)).p == 1


def test_random_patterns_agree_with_all_of_them() -> None:
    from scipy import stats

    d = np.random.default_rng(2).normal(0.25, 1, 14)
    want = stats.permutation_test((d,), np.sum, permutation_type="samples", n_resamples=2**14).pvalue
    # 20,000 draws know a p of 0.3 to 0.0033; 4 of these
    assert sign_flips(d).p == pytest.approx(want, abs=0.013)
    assert sign_flips(d, 1) == sign_flips(d, 1)


def test_without_an_effect_p_is_below_a_no_more_often_than_a() -> None:
    rng = np.random.default_rng(3)
    p = np.array([sign_flips(rng.standard_t(3, 6)).p for _ in range(1000)])
    for a in (0.0625, 0.25, 0.5):
        assert (p <= a).mean() <= a + 3 * np.sqrt(a * (1 - a) / 1000)


def test_what_does_not_fit_is_told() -> None:
    with pytest.raises(ValueError, match=r"differences have shape \(0,\)"):
        sign_flips([])
