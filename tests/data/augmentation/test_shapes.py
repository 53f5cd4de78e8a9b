"""Shapes between two shapes, and a defect that is given one."""

from __future__ import annotations

import numpy as np
import pytest

from flawforge.data.augmentation.pasting import Defect, reshaped
from flawforge.data.augmentation.shapes import is_thick, shape_between, without_margin

SQUARE, BAR = np.ones((10, 10), bool), np.ones((40, 10), bool)
DISC = np.hypot(*(np.indices((21, 21)) - 10)) <= 10


def test_the_ends_are_the_shapes_and_the_middle_lies_between() -> None:
    assert np.array_equal(shape_between(DISC, BAR, 0.0), DISC)
    assert np.array_equal(shape_between(DISC, BAR, 1.0), BAR)
    assert shape_between(SQUARE, BAR, 0.5).shape == (20, 10)
    half = shape_between(np.ones((21, 21), bool), DISC, 0.5)
    assert DISC.sum() < half.sum() < 21 * 21


def test_between_thin_shapes_nothing_is_left_and_that_is_told() -> None:
    thin = np.eye(30, dtype=bool)
    assert not is_thick(thin)
    assert is_thick(DISC)
    assert np.array_equal(shape_between(thin, thin[::-1], 0.5), thin)


@pytest.mark.parametrize("bend", [0.0, 0.06])
@pytest.mark.parametrize("colour", [(), (3,)])
def test_a_defect_in_another_shape_shows_its_own_details_and_ends_straight_at_the_edge(
    bend: float, colour: tuple[int, ...]
) -> None:
    mask = np.zeros((60, 60), bool)
    mask[:12, 20:30] = True  # at the upper edge
    pixels = np.full((60, 60, *colour), 0.6, np.float32)
    pixels[mask] = 0.2
    cutout = reshaped(Defect(pixels, mask, mask), BAR, bend, np.random.default_rng(0))
    assert cutout.detail.shape[:2] == cutout.alpha.shape == cutout.light.shape
    assert cutout.detail[cutout.alpha == 1] == pytest.approx(-0.4, abs=0.02)
    assert cutout.mask[0].any()
    assert not cutout.mask[-1].any()
    if not bend:
        assert np.array_equal(without_margin(cutout.mask), BAR)
