"""The areas and places of drawn shapes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from flawforge.data.reading.outlines import bar, ellipse, rectangle
from flawforge.data.regions import fill_polygon


def test_an_ellipse_is_the_pixels_that_its_equation_encloses():
    rows, columns = np.mgrid[:60, :80] + 0.5
    assert np.array_equal(
        fill_polygon([ellipse(40, 30, 20, 10)], 60, 80), ((columns - 40) / 20) ** 2 + ((rows - 30) / 10) ** 2 < 1
    )
    turned = fill_polygon([ellipse(40, 30, 20, 10, 30)], 60, 80)
    assert turned.sum() == pytest.approx(math.pi * 200, rel=0.02)
    assert turned[38, 55]  # clockwise: the right end lies lower
    assert not turned[22, 55]


def test_a_rectangle_is_turned_about_its_centre():
    assert rectangle(2, 3, 10, 7) == (2, 3, 10, 3, 10, 7, 2, 7)
    assert rectangle(2, 3, 10, 7, 90) == pytest.approx((8, 1, 8, 9, 4, 9, 4, 1))


def test_a_bar_is_as_wide_as_said():
    assert fill_polygon([bar(5, 20, 45, 20, 10)], 40, 60).sum() == 400
    assert fill_polygon([bar(5, 5, 35, 45, 10)], 60, 60).sum() == pytest.approx(500, rel=0.02)
    assert not fill_polygon([bar(5, 5, 5, 5, 10)], 60, 60).any()
