"""Boxes and areas are held against the masks beside them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flawforge.data.reading import contradictions
from flawforge.data.reading.contradictions import AREAS, BOXES, Contradictions
from flawforge.data.regions import Polygon, as_runs


@given(seed=st.integers(0, 2**32), batch=st.sampled_from([0, 50, 10**6]))
def test_boxes_and_pixels_are_measured_as_they_are(seed, batch):
    """Each annotation lies about box and area by more than can be explained, so that what was measured is told."""
    draws = np.random.default_rng(seed)
    expected, told = [], []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contradictions, "BATCH", batch)
        checks = Contradictions(lambda what, where: told.append((what, where)))
        for number in range(draws.integers(1, 8)):
            pixels = draws.random(draws.integers(1, 12, 2)) < draws.choice([0.1, 0.5, 1.0])
            pixels.flat[draws.integers(pixels.size)] = True
            rows, columns = np.nonzero(pixels)
            box = f"{columns.min()}, {rows.min()}, {columns.max() + 1}, {rows.max() + 1}"
            regions = (as_runs(pixels),)
            if draws.random() < 0.5:
                squares = zip(columns.tolist(), rows.tolist(), strict=True)
                regions = tuple(Polygon(((x, y, x, y + 1, x + 1, y + 1, x + 1, y),)) for x, y in squares)
            checks.add(regions, (-9, -9, -5, -5), 1e6, str(number))
            expected.append((BOXES, f"{number}: box -9, -9, -5, -5; mask {box}"))
            expected.append((AREAS, f"{number}: area 1e+06, mask {pixels.sum()}"))
        checks.finish()
        checks.finish()
    assert sorted(told) == sorted(expected)


@pytest.mark.parametrize(
    ("corners", "area", "told"),
    [
        ((4, 5, 10, 12), 42, []),
        ((4, 5, 9, 11), 30, []),  # as tools write it that take the last pixel for the border, or count its centres
        (None, None, []),
        ((4, 5, 10, 12), 0, []),
        ((4, 5, 10, 12), math.nan, []),
        ((4, 5, 10, 12), "42", []),
        ((4, 5, 12, 12), 42, [BOXES]),
        ((4, 5, 10, 12), 80, [AREAS]),
        ((4, 5, 10, 12), 10, [AREAS]),
    ],
)
def test_what_rounding_explains_is_not_told(corners, area, told):
    found = []
    checks = Contradictions(lambda what, where: found.append(what))
    checks.add((Polygon(((4, 5, 10, 5, 10, 12, 4, 12),)),), corners, area, "here")
    checks.finish()
    assert found == told
