"""Outlines along the borders of pixels give the same pixels again, with holes, corners and parts at the border."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco_masks

from flawforge.core.arrays import Bools
from flawforge.data.regions import fill_polygon
from flawforge.data.writing.patches import bridged, parts_of, patch_of, rings_of

MASKS = arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12)))
RING = np.array([[1, 1, 1, 1], [1, 0, 0, 1], [1, 1, 1, 1]], dtype=bool)


def flat(ring: list[tuple[int, int]]) -> list[float]:
    return [float(value) for point in ring for value in point]


@given(MASKS)
def test_the_parts_together_are_the_mask_and_none_shares_a_pixel(mask: Bools) -> None:
    patch = patch_of(mask)
    if patch is None:
        assert not mask.any()
        return
    for diagonal in (False, True):
        count = np.zeros(mask.shape, dtype=int)
        for part in parts_of(patch, diagonal=diagonal):
            alone = np.zeros(mask.shape, dtype=bool)
            part.draw_on(alone)
            assert all(
                line.any() for axis in (0, 1) for line in (part.pixels.take(0, axis), part.pixels.take(-1, axis))
            )
            assert part.area == alone.sum()
            count += alone
        np.testing.assert_array_equal(count, mask)


@given(MASKS)
def test_outlines_give_the_same_pixels_as_rings_and_bridged_into_one(mask: Bools) -> None:
    patch = patch_of(mask)
    for part in parts_of(patch) if patch else []:
        alone = np.zeros(mask.shape, dtype=bool)
        part.draw_on(alone)
        rings = rings_of(part)
        np.testing.assert_array_equal(fill_polygon([flat(ring) for ring in rings], *mask.shape), alone)
        np.testing.assert_array_equal(fill_polygon([flat(bridged(rings))], *mask.shape), alone)
        assert all(len(ring) >= 4 for ring in rings)


@given(MASKS)
def test_coco_s_own_code_draws_the_same_pixels_from_a_part_without_holes(mask: Bools) -> None:
    patch = patch_of(mask)
    for part in parts_of(patch) if patch else []:
        rings = rings_of(part)
        alone = np.zeros(mask.shape, dtype=bool)
        part.draw_on(alone)
        if len(rings) == 1:
            runs = coco_masks.frPyObjects([flat(rings[0])], *mask.shape)
            np.testing.assert_array_equal(coco_masks.decode(runs)[..., 0], alone)


def test_one_pixel_is_a_square_of_four_corners() -> None:
    mask = np.zeros((5, 6), dtype=bool)
    mask[2, 3] = True
    patch = patch_of(mask)
    assert patch is not None
    assert (patch.box, patch.area) == ((3, 2, 4, 3), 1)
    assert rings_of(patch) == [[(3, 2), (4, 2), (4, 3), (3, 3)]]


def test_a_ring_has_an_outer_outline_and_a_hole_and_a_bridge_between() -> None:
    patch = patch_of(RING)
    assert patch is not None
    outer, hole = rings_of(patch)
    assert sorted(outer) == [(0, 0), (0, 3), (4, 0), (4, 3)]
    assert sorted(hole) == [(1, 1), (1, 2), (3, 1), (3, 2)]
    line = bridged([outer, hole])
    assert (line.count((0, 1)), line.count((1, 1))) == (2, 2)  # there and back on the same level


@pytest.mark.parametrize(("diagonal", "count"), [(False, 2), (True, 1)])
def test_pixels_that_touch_at_a_corner(diagonal: bool, count: int) -> None:
    patch = patch_of(np.eye(2, dtype=bool))
    assert patch is not None
    assert len(parts_of(patch, diagonal=diagonal)) == count
