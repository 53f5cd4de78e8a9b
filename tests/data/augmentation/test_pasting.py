"""One defect on another ground: what changes, by how much, and what does not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from flawforge.data.augmentation.pasting import (
    Defect,
    cut_defects,
    largest_factor,
    longest_extent,
    place_defect,
    soft_mask,
    start_within,
)


def ground(level: float = 0.5, channels: int = 1, seed: int = 0, size: tuple[int, int] = (90, 110)) -> np.ndarray:
    shape = size if channels == 1 else (*size, 3)
    noise = np.random.default_rng(seed).normal(0, 0.01, shape)
    return np.clip(level + noise, 0, 1).astype(np.float32)


def disc(radius: int = 8, at: tuple[int, int] = (40, 50), level: float = -0.2, channels: int = 1) -> Defect:
    y, x = np.mgrid[:90, :110]
    mask = (y - at[0]) ** 2 + (x - at[1]) ** 2 <= radius**2
    pixels = ground(0.5, channels, 1)
    pixels[mask] += np.float32(level)
    return cut_defects(pixels, mask)[0]


@pytest.mark.parametrize("channels", [1, 3])
def test_outside_its_support_every_pixel_is_the_grounds_and_the_mask_is_thesoft_mask_one_at_a_half(
    channels: int,
) -> None:
    under = ground(0.5, channels)
    made = place_defect(disc(channels=channels), under, 1.0, 1.0, np.random.default_rng(0))
    assert np.array_equal(made.pixels[~made.support], under[~made.support])
    assert not np.array_equal(made.pixels[made.mask], under[made.mask])
    assert made.mask.sum() == disc().mask.sum()
    assert (made.mask & ~made.support).sum() == 0
    assert made.support.sum() > made.mask.sum()
    assert not (made.support & ~ndimage.binary_dilation(made.mask, np.ones((3, 3)), iterations=3)).any()


def test_thesoft_mask_mask_is_a_half_on_the_outline() -> None:
    shape = disc().mask
    soft = soft_mask(shape)
    assert ((soft >= 0.5) == shape).all()
    assert soft.max() == 1
    thin = np.zeros((9, 9), bool)
    thin[4] = True
    assert soft_mask(thin)[4].min() > 0.8  # a scratch of one pixel keeps its contrast
    assert soft_mask(thin)[[3, 5]].max() < 0.2


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_it_has_the_size_that_was_asked_for(factor: float) -> None:
    made = place_defect(disc(), ground(), factor, 1.0, np.random.default_rng(1))
    assert made.defect.extent == pytest.approx(17 * factor, abs=1.5)


def test_strength_scales_what_it_changes() -> None:
    under = ground()
    made = [place_defect(disc(), under, 1.0, strength, np.random.default_rng(2)) for strength in (0.0, 0.5, 1.0, 1.5)]
    changes = [float(np.abs(one.pixels - under).sum()) for one in made]
    assert changes[0] == 0
    assert changes[1] / changes[2] == pytest.approx(0.5, abs=1e-3)
    assert changes[3] / changes[2] == pytest.approx(1.5, abs=1e-3)
    assert made[2].defect.contrast == pytest.approx(disc().contrast, rel=0.1)
    assert disc().contrast == pytest.approx(0.2 * 255, rel=0.05)


def test_the_light_is_the_grounds() -> None:
    """A defect of a fifth less than its gray ground is darker than a dark ground too, and not lighter than it."""
    for level in (0.25, 0.8):
        made = place_defect(disc(), ground(level), 1.0, 1.0, np.random.default_rng(3))
        inside = float(made.pixels[made.mask].mean())
        assert level - 0.35 < inside < level - 0.08


def test_a_large_defect_keeps_its_shade() -> None:
    """Its own light is that of its surroundings: what is marked does not count."""
    made = place_defect(disc(20, level=-0.3), ground(), 1.0, 1.0, np.random.default_rng(0))
    assert float(made.pixels[made.mask].mean()) == pytest.approx(0.2, abs=0.05)


def test_a_defect_at_the_rim_stays_at_the_same_rim_and_others_never_touch_one() -> None:
    under = ground()
    for seed in range(8):
        rng = np.random.default_rng(seed)
        corner = place_defect(disc(at=(0, 109)), under, 0.7, 1.0, rng).defect
        assert corner.at_rim == (True, False, False, True)
        top = place_defect(disc(at=(0, 50)), under, 1.3, 1.0, rng).defect
        assert top.at_rim == (True, False, False, False)
        inside = place_defect(disc(), under, 1.8, 1.0, rng)
        assert inside.defect.at_rim == (False, False, False, False)


def test_it_comes_everywhere_where_it_fits() -> None:
    under, rng = ground(), np.random.default_rng(0)
    corners = np.array([place_defect(disc(), under, 1.0, 1.0, rng).defect.corners for _ in range(30)])
    assert corners[:, 0].min() < 20
    assert corners[:, 3].max() > 90
    assert {start_within(3, 5, False, False, rng) for _ in range(40)} == {0, 1, 2}
    assert start_within(3, 5, True, False, rng) == 0
    assert start_within(3, 5, False, True, rng) == 2


def test_the_largest_that_fits_fits() -> None:
    top, left, bottom, right = disc().corners
    most = largest_factor((bottom - top, right - left), (90, 110))
    assert most == pytest.approx(86 / 17)
    assert place_defect(disc(), ground(), most, 1.0, np.random.default_rng(0)).defect.extent == pytest.approx(86, abs=2)


def test_parts_that_do_not_hang_together_are_defects_of_their_own_and_specks_are_none() -> None:
    mask = np.zeros((30, 30), bool)
    mask[2:5, 2:5] = mask[10:20, 10:12] = mask[25, 25] = True
    mask[20, 12] = True  # touches the second at a corner
    found = cut_defects(ground(size=(30, 30)), mask)
    assert [int(one.mask.sum()) for one in found] == [21, 9]
    assert all((one.marked == mask).all() for one in found)


def test_the_extent_is_the_longest_one() -> None:
    mask = np.zeros((40, 40), bool)
    mask[5, 3:33] = True
    assert longest_extent(mask) == 30
    assert longest_extent(mask.T) == 30
    assert longest_extent(np.eye(40, dtype=bool)) == pytest.approx(39 * np.sqrt(2) + 1, rel=0.002)
    assert longest_extent(np.zeros((4, 4), bool)) == 0


def test_parts_that_lie_near_each_other_are_one_defect_where_that_is_asked_for() -> None:
    marked = np.zeros((40, 60), bool)
    marked[10:14, 10:14] = marked[10:14, 18:22] = marked[30:34, 50:54] = True
    assert len(cut_defects(ground(size=(40, 60)), marked)) == 3
    near, alone = cut_defects(ground(size=(40, 60)), marked, 6)
    assert (near.mask.sum(), alone.mask.sum()) == (32, 16)
    assert not (near.mask & ~marked).any()
