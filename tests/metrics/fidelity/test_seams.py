"""Seams: a straight break is found where it is, and what is no break is not called one."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage as nd

from flawforge.core.arrays import Floats32
from flawforge.metrics.fidelity.seams import find_seam, seam_profile

SIDE, COUNT, ALARM = 96, 24, 0.01


def surface(seed: int) -> Floats32:
    rough = np.random.default_rng(seed).standard_normal((SIDE, SIDE))
    return np.asarray(128 + 40 * nd.gaussian_filter(rough, 1.0), dtype=np.float32)


def joined(seed: int) -> Floats32:
    image = surface(seed)
    image[:, 40:] = surface(seed + 500)[:, 40:]
    return image


def blurred_rim(seed: int) -> Floats32:
    image = surface(seed)
    inside = np.minimum(np.arange(SIDE), np.arange(SIDE)[::-1])
    sharp = np.clip((inside - 2) / 3, 0, 1)
    share = np.minimum.outer(sharp, sharp)
    return np.asarray(share * image + (1 - share) * nd.gaussian_filter(image, 2.0), dtype=np.float32)


def lit_rim(seed: int) -> Floats32:
    image = surface(seed)
    image[:, 70:] += 25
    return image


def seam_of(draw) -> tuple[str, int, bool] | None:  # type: ignore[no-untyped-def]
    real = [seam_profile(surface(seed), SIDE, SIDE) for seed in range(COUNT)]
    made = [seam_profile(draw(seed), SIDE, SIDE) for seed in range(100, 100 + COUNT)]
    found = find_seam(real, np.arange(COUNT), made, SIDE)
    assert found is not None
    return (found.axis, found.at, found.p <= ALARM)


@pytest.mark.parametrize(("draw", "at"), [(joined, 40), (lit_rim, 70)])
def test_a_straight_break_is_found_where_it_is(draw, at: int) -> None:  # type: ignore[no-untyped-def]
    assert seam_of(draw) == ("column", at, True)


def test_neither_real_images_nor_a_blurred_rim_have_a_seam() -> None:
    """Where sharpness begins the steps grow, and stay: a seam is larger than those on either side of it."""
    assert not seam_of(surface)[2]
    assert not seam_of(blurred_rim)[2]
