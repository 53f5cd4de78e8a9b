import numpy as np
import pytest

from flawforge.reports.charts.curves import cumulative, histogram, moving_median, training_curve


def test_a_spike_does_not_lift_the_smoothed_line_but_stays_in_the_raw_one() -> None:
    y = np.ones(2000)
    y[700] = 50.0
    curve, window = training_curve("loss", "ink", np.arange(2000.0).tolist(), y.tolist())
    assert window == 51
    assert set(curve.y) == {1.0}
    assert curve.raw is not None
    assert max(curve.raw[2]) == 50.0
    assert len(curve.x) == 500


def test_the_median_at_the_ends_takes_what_is_there() -> None:
    values = np.array([0.0, 10.0, 20.0, 30.0, 40.0])
    assert moving_median(values, [0, 2, 4], 3) == [5.0, 20.0, 35.0]


def test_a_short_line_is_drawn_as_it_is() -> None:
    curve, window = training_curve("loss", "ink", [1.0, 2.0, 3.0], [5.0, 7.0, 6.0])
    assert (window, curve.y) == (1, (5.0, 7.0, 6.0))


def test_a_histogram_adds_up_to_100_percent_and_ends_at_0() -> None:
    values = np.random.default_rng(0).normal(10, 2, 321).tolist()
    curve = histogram("x", "real", values, np.linspace(0, 20, 41))
    assert sum(curve.y) == pytest.approx(100)
    assert (curve.y[0], curve.y[-1]) == (0, 0)
    assert len(curve.x) == len(curve.y)


def test_equal_values_make_one_bin() -> None:
    curve = histogram("x", "real", [3.0] * 7, np.linspace(0, 10, 11))
    assert (curve.x, curve.y) == ((3.0, 3.0, 4.0), (0.0, 100.0, 0.0))


def test_cumulative_shares_are_exact_at_each_value() -> None:
    curve = cumulative("x", "real", [4.0, 1.0, 2.0, 2.0], 5.0)
    assert curve.x == (0.0, 1.0, 2.0, 2.0, 4.0, 5.0)
    assert curve.y == (0.0, 25.0, 50.0, 75.0, 100.0, 100.0)
