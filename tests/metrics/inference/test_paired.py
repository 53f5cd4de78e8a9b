"""Paired gains: the interval holds as often as it says where percentiles and single factors do not."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from flawforge.metrics.inference.classification import STATISTICS, weighted_mean
from flawforge.metrics.inference.paired import Gain, Student, gain, hierarchical_draws
from flawforge.metrics.inference.resampling import Resampled, resampled

BALANCED = STATISTICS["balanced accuracy"]


def outcomes(
    rng: np.random.Generator, repeats: int, groups: int, *, repeat: float, group: float, both: float, size: int = 2
) -> np.ndarray:
    """(S, N) differences with the three variance components, `size` images a group."""
    parts = repeat * rng.standard_normal((repeats, 1)) + group * rng.standard_normal((1, groups))
    parts = parts + both * rng.standard_normal((repeats, groups))
    return np.repeat(parts, size, axis=1)


def found(differences: np.ndarray, size: int = 2, **options: int) -> Resampled:
    groups = np.arange(differences.shape[1]) // size
    zeros = np.zeros(differences.shape[1], int)
    return resampled(differences, zeros, groups, weighted_mean, **options)


def test_identity_an_arm_against_itself_gains_nothing() -> None:
    one = found(outcomes(np.random.default_rng(0), 4, 30, repeat=0.02, group=0.1, both=0.1))
    same = gain(one - one)
    assert (same.value, same.p) == (0, 1)
    assert same.at()[0] < 0 < same.at()[1]  # equal on 60 images is no proof of equal
    assert same.effect is None


def test_what_rounding_leaves_of_nothing_is_nothing() -> None:
    """Of 60 images one more is right in one repeat and one more wrong in another: a loss of 4e-17 is none."""
    one = found(outcomes(np.random.default_rng(0), 3, 30, repeat=0.02, group=0.1, both=0.1))
    values = np.array([59 / 60, 58 / 60, 57 / 60]) - np.array([58 / 60, 59 / 60, 57 / 60])
    for left in (values, np.array([0.1 + 0.2 - 0.3, 0.0, 0.0]), np.array([0.3 - 0.1 - 0.2, 0.0, 0.0])):
        assert str(gain(replace(one, values=left)).value) == "0.0"


def test_swap_turns_the_gain_around() -> None:
    rng = np.random.default_rng(1)
    a, b = (found(outcomes(rng, 5, 30, repeat=0.02, group=0.1, both=0.1) + shift) for shift in (0.05, 0.0))
    ab, ba = gain(a - b), gain(b - a)
    assert (ab.value, *ab.at()) == pytest.approx((-ba.value, *(-end for end in ba.at()[::-1])), abs=1e-15)
    assert ab.p == ba.p


def test_closed_form_without_groups_it_is_the_paired_t_test() -> None:
    d = np.random.default_rng(2).normal(0.03, 0.02, 8)
    one = found(np.repeat(d[:, None], 40, axis=1))
    mine = gain(one)
    want = stats.ttest_1samp(d, 0)
    assert mine.p == pytest.approx(want.pvalue, rel=1e-9)
    assert mine.at() == pytest.approx(tuple(want.confidence_interval()), rel=1e-9)
    assert mine.effect == pytest.approx(d.mean() / d.std(ddof=1) * (1 - 3 / 27))
    assert mine.at(0.8) == pytest.approx(tuple(want.confidence_interval(0.8)), rel=1e-9)


def test_closed_form_without_repeats_it_is_the_groups_standard_error() -> None:
    # 4,000 draws know a standard deviation to 1.1 %; 4 of these
    g = np.random.default_rng(3).normal(0.03, 0.2, 50)
    mine = gain(Resampled(*vars(found(np.tile(np.repeat(g, 2), (6, 1)), resamples=4000)).values()))
    assert mine.parts.group == pytest.approx(g.std(ddof=1) / np.sqrt(50), rel=0.045)
    assert mine.parts.both == pytest.approx(0, abs=1e-9)


def test_the_components_are_found_again() -> None:
    rng = np.random.default_rng(4)
    parts = [
        gain(found(outcomes(rng, 10, 100, repeat=0.02, group=0.2, both=0.3), resamples=300)).parts for _ in range(60)
    ]
    mean = np.sqrt(np.mean(np.square([(p.repeat, p.group, p.both) for p in parts]), axis=0))
    assert mean == pytest.approx([0.02, 0.02, 0.03], rel=0.12)


def test_monotone_in_the_gain_and_in_the_spread() -> None:
    base = outcomes(np.random.default_rng(5), 6, 30, repeat=0.02, group=0.1, both=0.1)
    ps = [gain(found(base + shift)).p for shift in (0.05, 0.1, 0.2)]
    assert ps == sorted(ps, reverse=True)
    widths = [gain(found(base * scale)).error for scale in (1, 2, 3)]
    assert widths == sorted(widths)


def test_the_seed_decides_the_draws_and_arms_take_the_same() -> None:
    base = outcomes(np.random.default_rng(6), 3, 30, repeat=0.02, group=0.1, both=0.1)
    assert (found(base, seed=1).draws == found(base, seed=1).draws).all()
    assert (found(base, seed=1).draws != found(base, seed=2).draws).any()
    shifted = found(base + 0.1) - found(base)
    assert shifted.draws == pytest.approx(np.full_like(shifted.draws, 0.1))  # paired: the groups' part cancels


def test_one_sided_a_fault_of_repeats_and_one_of_groups_are_told_apart() -> None:
    rng = np.random.default_rng(8)
    repeats = gain(found(outcomes(rng, 10, 60, repeat=0.05, group=0.0, both=0.0))).parts
    groups = gain(found(outcomes(rng, 10, 60, repeat=0.0, group=0.3, both=0.0))).parts
    assert repeats.repeat > 0.02
    assert repeats.group == pytest.approx(0, abs=1e-9)
    assert groups.group > 0.02
    assert groups.repeat <= 1 / 120  # one image of 120: what equal repeats count as


@pytest.mark.parametrize(("own", "shared"), [(1.0, 0.0), (0.3, 0.7), (0.9, 0.1), (0.0, 1.0)])
def test_the_tail_is_the_quantiles_inverse_and_between_the_two_parts(own: float, shared: float) -> None:
    two = Student(own, 2, shared, 100)
    for tail in (0.4, 0.025, 0.001):
        value = two.quantile(tail)
        assert two.tail(value) == pytest.approx(tail, rel=1e-6)
        assert two.tail(-value) == pytest.approx(1 - tail, rel=1e-6)
        assert stats.t.isf(tail, 100) - 1e-9 <= value <= stats.t.isf(tail, 2) + 1e-9
    assert two.tail(0.0) == pytest.approx(0.5)


def test_a_tail_that_is_lost_beside_one_has_a_quantile() -> None:
    for tail in (1e-12, 1e-20, 4e-29):
        assert Student(1.0, 3, 0.0, 100).quantile(tail) == pytest.approx(stats.t.isf(tail, 3), rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(("repeat", "group"), [(0.06, 0.05), (0.01, 0.25)], ids=["repeats", "groups"])
def test_the_interval_covers_whichever_factor_rules_where_simpler_ones_do_not(repeat: float, group: float) -> None:
    rng = np.random.default_rng(9)
    hits, trials, n = {"ours": 0, "percentile": 0, "repeats alone": 0}, 300, 3
    for trial in range(trials):
        d = found(outcomes(rng, n, 50, repeat=repeat, group=group, both=0.1, size=1), 1, resamples=200, seed=trial)
        shares = np.random.default_rng(trial).multinomial(n, np.full(n, 1 / n), 200) / n
        ends = np.quantile((shares * d.draws).sum(axis=1), [0.025, 0.975])
        t = stats.ttest_1samp(d.values, 0).confidence_interval()
        for name, (low, high) in {"ours": gain(d).at(0.95), "percentile": ends, "repeats alone": t}.items():
            hits[name] += low <= 0 <= high
    least = trials * (0.95 - 2.6 * np.sqrt(0.95 * 0.05 / trials))
    assert hits["ours"] >= least
    assert hits["percentile" if repeat > 0.05 else "repeats alone"] < 0.85 * trials


def test_draws_over_both_factors_have_the_variance_of_both() -> None:
    # Owen 2007, equation 9: the pigeonhole counts what is both three times; here widened for few repeats
    d = found(outcomes(np.random.default_rng(10), 8, 200, repeat=0.05, group=0.0, both=0.0), resamples=4000)
    draws = hierarchical_draws(d)
    assert draws.std() == pytest.approx(stats.t.ppf(0.975, 7) / 1.96 * d.values.std(ddof=1) / np.sqrt(8), rel=0.05)


def of_differences(differences: np.ndarray) -> Gain:
    """The gain of stated differences, one per repeat; the groups' part does not matter to the sign flips."""
    return gain(Resampled(differences, np.zeros((100, len(differences))), 50, 49, 0.001))


def test_sign_flips_of_differences_of_one_sign_give_the_smallest_p() -> None:
    for count in (3, 5, 10, 12, 14):
        assert of_differences(np.full(count, 0.02)).sign_flips() == pytest.approx((2.0 ** (1 - count),) * 2, rel=1e-12)
    p, least = of_differences(np.full(20, 0.02)).sign_flips()
    assert least == 2 / 20_001 <= p < 0.001


def test_sign_flips_are_the_count_over_all_patterns() -> None:
    d = np.random.default_rng(0).normal(0.5, 1, 7)
    sums = [abs(np.dot(signs, d)) for signs in itertools.product((1, -1), repeat=7)]
    want = np.mean(np.array(sums) >= abs(d.sum()) - 1e-12)
    assert of_differences(d).sign_flips()[0] == pytest.approx(want, abs=1e-15)


def test_swap_and_scale_change_no_sign_flip_and_nothing_is_found_in_nothing() -> None:
    d = np.random.default_rng(1).normal(0.5, 1, 9)
    first = of_differences(d).sign_flips()
    assert first == of_differences(-d).sign_flips() == of_differences(1e-6 * d).sign_flips()
    assert of_differences(np.zeros(5)).sign_flips()[0] == 1


def test_random_sign_flips_agree_with_all_of_them_and_are_the_same_each_time() -> None:
    d = np.random.default_rng(2).normal(0.25, 1, 16)
    signs = 1 - 2 * (np.arange(2**16)[:, None] >> np.arange(16) & 1)
    want = (abs(signs @ d) >= abs(d.sum()) - 1e-12).mean()
    # 20,000 draws know a p of 0.3 to 0.0033; 4 of these
    assert of_differences(d).sign_flips()[0] == pytest.approx(want, abs=0.013)
    assert of_differences(d).sign_flips() == of_differences(d).sign_flips()


def test_without_an_effect_sign_flips_are_below_a_no_more_often_than_a() -> None:
    rng = np.random.default_rng(3)
    p = np.array([of_differences(rng.standard_t(3, 6)).sign_flips()[0] for _ in range(1000)])
    for a in (0.0625, 0.25, 0.5):
        assert (p <= a).mean() <= a + 3 * np.sqrt(a * (1 - a) / 1000)


def test_what_does_not_fit_is_told() -> None:
    ok = np.zeros((3, 10))
    labels = np.zeros(10, int)
    with pytest.raises(ValueError, match="are of 2 groups and 1 classes; an interval takes 3 groups"):
        resampled(ok, labels, np.arange(10) // 5, weighted_mean)
    with pytest.raises(ValueError, match="there is 1 repeat; an interval takes at least 2"):
        gain(resampled(ok[:1], labels, None, weighted_mean))
    with pytest.raises(ValueError, match=r"outputs have shape \(3, 10\); they are \(repeats, 9 test images"):
        resampled(ok, labels[:9], None, weighted_mean)
    with pytest.raises(ValueError, match="pairs have equal ones"):
        _ = resampled(ok, labels, None, weighted_mean) - resampled(ok[:2], labels, None, weighted_mean)
