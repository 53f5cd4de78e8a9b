"""A number with its interval, and how it is written."""

from __future__ import annotations

from flawforge.runs.estimates import Estimate, gain_points, in_percent, percent_with_interval, points


def test_the_confidence_is_the_one_that_it_has() -> None:
    usual, wider = (Estimate(value=0.882, low=0.869, high=0.895, level=level) for level in (0.95, 0.975))
    assert percent_with_interval(usual) == "88.2% (95% CI 86.9 to 89.5)"
    assert percent_with_interval(wider) == "88.2% (97.5% CI 86.9 to 89.5)"
    assert in_percent(wider) == "88.2 (86.9 to 89.5)"
    gained = Estimate(value=0.005, low=-0.009, high=0.018, level=0.96)
    assert gain_points(gained) == "+0.5 points (96% CI -0.9 to 1.8)"


def test_what_was_not_measured_is_never_zero() -> None:
    nothing = Estimate(value=None, low=None, high=None)
    assert {gain_points(nothing), in_percent(nothing), percent_with_interval(nothing)} == {"not measured"}
    alone = Estimate(value=0.5, low=None, high=None)
    assert (in_percent(alone), percent_with_interval(alone), gain_points(alone)) == ("50.0", "50.0%", "not measured")


def test_an_interval_ends_at_what_is_possible_and_the_value_stays() -> None:
    assert percent_with_interval(Estimate(value=0.99, low=0.96, high=1.02)) == "99.0% (95% CI 96.0 to 100.0)"
    assert Estimate(value=1.2, low=0.9, high=1.3).within(0, 1) == Estimate(value=1.2, low=0.9, high=1.2)


def test_a_true_change_is_never_written_as_none() -> None:
    assert [points(share, sign=True) for share in (0.0, 0.0004, -0.0004, 0.03149)] == ["+0.0", "+0.04", "-0.04", "+3.1"]
