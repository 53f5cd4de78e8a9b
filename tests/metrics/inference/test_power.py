from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from flawforge.metrics.inference.paired import Parts
from flawforge.metrics.inference.power import Design

PARTS = Parts(repeat=0.02, group=0.004, both=0.006)


def test_without_groups_it_is_the_power_of_the_paired_t_test() -> None:
    # 0.8 at d = 1, one-sided 0.025: 10 seeds give 0.803 (Cohen 1988; G*Power)
    assert Design(Parts(0.02, 0.0, 0.0), 500).power(0.02, 10) == pytest.approx(0.803, abs=1e-3)


def test_simulated_trials_find_the_gain_as_often() -> None:
    rng, seeds, trials = np.random.default_rng(0), 6, 20_000
    design = Design(PARTS, 10_000)
    d = 0.03 + 0.004 * rng.standard_normal((trials, 1)) + np.hypot(0.02, 0.006) * rng.standard_normal((trials, seeds))
    own = d.var(axis=1, ddof=1) / seeds
    whole = own + 0.004**2
    bound = (own * stats.t.isf(0.025, seeds - 1) + 0.004**2 * stats.norm.isf(0.025)) / whole
    found = (d.mean(axis=1) / np.sqrt(whole) >= bound).mean()
    assert design.power(0.03, seeds) == pytest.approx(found, abs=0.03)


def test_the_three_questions_agree() -> None:
    design = Design(PARTS, 400)
    gain = design.detectable(8)
    assert design.power(gain, 8) == pytest.approx(0.9, abs=1e-6)
    assert design.repeats_wanted(gain + 1e-6, 400) == 8
    assert 0.02 < design.power(0.0, 8) <= 0.025


def test_monotone_in_seeds_gain_groups_error_and_rivals() -> None:
    design = Design(PARTS, 400)
    assert [design.detectable(n) for n in (3, 5, 10, 20)] == sorted([design.detectable(n) for n in (3, 5, 10, 20)])[
        ::-1
    ]
    few, many = (Design(Parts(0.02, 0.004 * wider, 0.006 * wider), 400) for wider in (2.0, 0.7))
    assert many.detectable(10) < design.detectable(10) < few.detectable(10)
    assert Design(PARTS, 400, 0.025 / 10).detectable(10) > design.detectable(10)
    assert Design(PARTS, 400, rivals=3).power(0.03, 10) < design.power(0.03, 10)


def test_the_test_groups_bound_what_any_number_of_seeds_can_find() -> None:
    few = Design(Parts(0.02, 0.02, 0.01), 20)
    assert few.repeats_wanted(0.03, 400) is None
    assert few.repeats_wanted(0.10, 400) is not None


@pytest.mark.parametrize("error", [1e-9, 4e-29, 1e-200])
def test_no_gain_up_to_the_whole_is_not_one_that_could_be_seen(error: float) -> None:
    assert Design(PARTS, 400, error).detectable(4) is None
    assert Design(Parts(0.5, 0.0, 0.0), 400).detectable(3) is None


def test_rivals_are_correlated_by_a_half() -> None:
    rng = np.random.default_rng(1)
    one = Design(Parts(0.02, 0.0, 0.0), 10_000)
    centre = stats.norm.ppf(one.power(0.02, 40))
    z = np.sqrt(0.5) * (rng.standard_normal((100_000, 1)) + rng.standard_normal((100_000, 3))) + centre
    want = (z > 0).all(axis=1).mean()
    assert Design(Parts(0.02, 0.0, 0.0), 10_000, rivals=3).power(0.02, 40) == pytest.approx(want, abs=0.006)


def test_what_does_not_fit_is_told() -> None:
    with pytest.raises(ValueError, match="repeats is 1"):
        Design(PARTS, 10).power(0.03, 1)
    with pytest.raises(ValueError, match="gain is 0"):
        Design(PARTS, 10).repeats_wanted(0, 400)
    with pytest.raises(ValueError, match="without any spread"):
        Design(Parts(0.0, 0.0, 0.0), 10).power(0.03, 5)
