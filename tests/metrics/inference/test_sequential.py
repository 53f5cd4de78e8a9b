"""Early stopping: published bounds are met, and looking often costs no false alarm."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from flawforge.metrics.inference.sequential import level_now, nominal_levels, spent


def levels_of(looks: tuple[int, ...], planned: int) -> tuple[float, ...]:
    """Return the levels of all looks of one plan."""
    whole = [spent(seeds / planned, 0.025) for seeds in looks]
    return nominal_levels(looks, tuple(np.diff(whole, prepend=0.0).tolist()))


@pytest.mark.parametrize(
    ("looks", "bounds"),
    [  # one-sided 0.025, Lan-DeMets spending like O'Brien & Fleming's: Jennison & Turnbull 2000, chapter 7; gsDesign
        ((3000,), (1.960,)),
        ((1500, 3000), (2.963, 1.969)),
        ((1000, 2000, 3000), (3.710, 2.511, 1.993)),
        ((600, 1200, 1800, 2400, 3000), (4.877, 3.357, 2.680, 2.290, 2.031)),
    ],
)
def test_of_many_seeds_they_are_the_published_bounds(looks: tuple[int, ...], bounds: tuple[float, ...]) -> None:
    found = levels_of(looks, looks[-1])
    assert stats.norm.isf(found) == pytest.approx(bounds, rel=0.006)
    assert found[0] == pytest.approx(spent(looks[0] / looks[-1], 0.025), rel=0.05)


@pytest.mark.parametrize("planned", [6, 10])
def test_a_look_after_every_repeat_of_few_has_the_error_that_is_promised(planned: int) -> None:
    """The published bounds, which are those of a normal statistic, would be wrong in 2.8 to 2.9 % here."""
    rng, trials, looks = np.random.default_rng(5), 100_000, tuple(range(4, planned + 1))
    d = rng.standard_normal((trials, planned))
    ever = np.zeros(trials, bool)
    for n, level in zip(looks, levels_of(looks, planned), strict=True):
        ever |= stats.t.sf(d[:, :n].mean(axis=1) / (d[:, :n].std(axis=1, ddof=1) / np.sqrt(n)), n - 1) <= level
    assert ever.mean() == pytest.approx(0.025, abs=2.5 * np.sqrt(0.025 * 0.975 / trials))


def test_all_of_the_error_is_spent_at_the_end_and_little_early() -> None:
    assert spent(1.0, 0.025) == pytest.approx(0.025, abs=1e-15)
    assert spent(0.5, 0.025) == pytest.approx(0.00153, abs=1e-5)
    assert spent(0.0, 0.025) == 0


def test_without_an_early_look_the_level_is_whole_and_beyond_the_plan_there_is_none() -> None:
    assert level_now([10], 10, 0.025) == pytest.approx(0.025, abs=1e-12)
    assert level_now([5, 10, 12], 10, 0.025) == 0
    assert level_now([1], 1, 0.025) == 0  # a trial of one seed is allowed, and tells nothing
    assert level_now([2], 2, 0.025, [(1, 1)]) == pytest.approx(0.025, abs=1e-12)
    assert level_now([5], 10, 0.025) == pytest.approx(0.00153, abs=1e-5)


@pytest.mark.parametrize("planned", [20, 60, 100, 1000])
def test_before_a_third_of_the_plan_nothing_is_decided_and_nothing_spent(planned: int) -> None:
    early = [seeds for seeds in range(1, planned, 1 + planned // 50) if seeds < planned / 3]
    assert all(level_now([seeds], planned, 0.025) == 0 for seeds in early)
    assert level_now([planned // 3 + 1], planned, 0.025) > 1e-4
    later = [planned // 2, planned]
    assert level_now([*early, *later], planned, 0.025) == level_now(later, planned, 0.025)


@pytest.mark.parametrize("shared", [0.0, 0.5])
def test_looking_four_times_at_students_t_has_no_more_false_alarms(shared: float) -> None:
    """Also where a part of the error is common to all looks, as the test groups are (its size known, 0 or 0.5)."""
    rng, trials, looks = np.random.default_rng(0), 20_000, (4, 6, 8, 10)
    levels = levels_of(looks, 10)
    d = rng.standard_normal((trials, 10)) + shared * rng.standard_normal((trials, 1))
    ever, naive = np.zeros(trials, bool), np.zeros(trials, bool)
    for n, level in zip(looks, levels, strict=True):
        variance = d[:, :n].var(axis=1, ddof=1) / n
        t, freedom = d[:, :n].mean(axis=1) / np.sqrt(variance + shared**2), n - 1
        if shared:
            freedom = (variance + shared**2) ** 2 / (variance**2 / (n - 1) + shared**4 / 1e6)
        p = stats.t.sf(t, freedom)
        ever |= p <= level
        naive |= p <= 0.025
    assert ever.mean() <= 0.025 + 3 * np.sqrt(0.025 * 0.975 / trials)
    assert naive.mean() > (0.035 if shared == 0 else 0.025)


Plans = tuple[tuple[int, int], ...]


@pytest.mark.parametrize(
    "plans",
    [
        ((10, 10), (20, 20)),
        ((10, 10), (20, 20), (40, 40)),
        ((4, 10), (6, 10), (8, 20), (16, 20), (20, 20)),  # stopped by hand, and a larger plan since
        ((6, 10), (6, 6), (10, 10)),  # a budget of time that lowered the plan, and more time since
        ((12, 40), (16, 20), (20, 20), (40, 40)),
    ],
)
def test_a_trial_that_is_extended_when_it_was_not_clear_spends_no_error_twice(plans: Plans) -> None:
    rng, trials = np.random.default_rng(1), 20_000
    d = rng.standard_normal((trials, 40))
    ever, again = np.zeros(trials, bool), np.zeros(trials, bool)
    for place, (n, planned) in enumerate(plans):
        p = stats.t.sf(d[:, :n].mean(axis=1) / (d[:, :n].std(axis=1, ddof=1) / np.sqrt(n)), n - 1)
        ever |= p <= level_now([n], planned, 0.025, plans[:place])
        again |= p <= level_now([n], planned, 0.025)  # as if nothing had been looked at before
    noise = 3 * np.sqrt(0.025 * 0.975 / trials)
    assert 0.02 < ever.mean() <= 0.025 + noise
    assert again.mean() > 0.025 + 2 * noise


def test_an_unbroken_plan_is_the_same_said_in_one_call_or_in_many() -> None:
    assert level_now([8], 10, 0.025, [(4, 10), (6, 10)]) == level_now([4, 6, 8], 10, 0.025)
    assert level_now([20], 20, 0.025, [(10, 10)]) == 0
    assert 0 < level_now([20], 20, 0.025, [(6, 10)]) < 0.025
    assert level_now([5], 5, 0.025, [(10, 10)]) == 0  # fewer, after all were seen
