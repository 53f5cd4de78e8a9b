from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from flawforge.core.arrays import Bools, Floats32
from flawforge.metrics.copying.defect_agreement import DefectPatch, agreement, match_defect
from flawforge.metrics.copying.normalised_texture import apply_symmetry

SIDE = 48


def defect(seed: int) -> tuple[Floats32, Bools]:
    """Return a textured blob of an outline of its own on noise."""
    rng = np.random.default_rng(seed)
    shape = ndimage.gaussian_filter(rng.normal(size=(SIDE, SIDE)), 4)
    shape[:8] = shape[-8:] = shape[:, :8] = shape[:, -8:] = -1
    parts, _ = ndimage.label(shape > 0.0)
    mask = parts == 1 + int(np.bincount(parts.ravel())[1:].argmax())
    texture = ndimage.gaussian_filter(rng.normal(size=(SIDE, SIDE)), 0.8)
    return (0.5 + 0.02 * rng.normal(size=(SIDE, SIDE)) + 0.3 * texture * mask).astype(np.float32), mask


def patch(pixels: Floats32, mask: Bools) -> DefectPatch:
    found = DefectPatch.of(pixels, mask)
    assert found is not None
    return found


@pytest.mark.parametrize("symmetry", range(8))
def test_a_defect_is_found_again_under_every_symmetry_in_another_place_and_strength(symmetry: int) -> None:
    known = [patch(*defect(seed)) for seed in range(5)]
    pixels, mask = defect(3)
    seen = [apply_symmetry(torch.from_numpy(np.roll(plane, (5, -4), (0, 1))), symmetry) for plane in (pixels, mask)]
    strong = 0.5 + 0.7 * (seen[0].numpy() - 0.5)
    match = match_defect(patch(np.ascontiguousarray(strong), np.ascontiguousarray(seen[1].numpy())), known, [True] * 5)
    assert match.reference == 3
    assert match.score > 1.5
    barred = match_defect(patch(pixels, mask), known, [True, True, True, False, True])
    assert barred.score < 0.5
    assert barred.reference != 3


def test_neither_what_lies_around_a_defect_nor_a_new_light_counts() -> None:
    """A faint inclusion in a box was once not found on a bright ground: its surroundings set the contrast inside."""
    pixels, mask = defect(1)
    bright = np.where(mask, pixels, np.random.default_rng(0).normal(0.9, 0.3, mask.shape)).astype(np.float32)
    assert agreement(patch(bright, mask), patch(pixels, mask)) == pytest.approx(1, abs=1e-5)
    lit = pixels + np.linspace(-0.4, 0.4, SIDE, dtype=np.float32)
    assert agreement(patch(lit, mask), patch(pixels, mask)) > 0.9


def test_a_soft_border_counts_little() -> None:
    pixels, mask = defect(1)
    soft = ndimage.gaussian_filter(mask.astype(np.float32), 0.7)
    other = np.random.default_rng(0).normal(0.5, 0.2, mask.shape).astype(np.float32)
    assert agreement(patch(soft * pixels + (1 - soft) * other, mask), patch(pixels, mask)) > 0.9


def test_straight_lines_in_tight_boxes_do_not_agree() -> None:
    """Hairline scratches in boxes of five pixels once did: a bright line in the middle is all that they share."""
    lines = []
    for seed in range(2):
        rng = np.random.default_rng(seed)
        mask = np.zeros((SIDE, SIDE), bool)
        mask[4:44, 20:25] = True
        profile = np.exp(-0.5 * (np.arange(SIDE) - 22) ** 2)
        lines.append(patch((0.4 + 0.3 * profile + 0.03 * rng.normal(size=(SIDE, SIDE))).astype(np.float32), mask))
    assert agreement(lines[0], lines[1]) < 0.4
    assert agreement(lines[0], lines[0]) > 0.99


def test_an_outline_alone_or_a_texture_alone_is_no_copy() -> None:
    pixels, mask = defect(1)
    other = defect(2)[0]
    same = agreement(patch(pixels, mask), patch(pixels, mask))
    assert same == pytest.approx(1, abs=1e-5)
    assert agreement(patch(other, mask), patch(pixels, mask)) < 0.3
    square = np.zeros_like(mask)
    square[8:40, 8:40] = True
    assert agreement(patch(pixels, square), patch(pixels, mask)) < 0.5


def test_a_speck_is_not_compared_and_flat_defects_do_not_agree() -> None:
    pixels, mask = defect(0)
    speck = np.zeros_like(mask)
    speck[10:13, 10:15] = True
    assert DefectPatch.of(pixels, speck) is None
    flat = np.full_like(pixels, 0.5)
    assert agreement(patch(flat, mask), patch(flat, mask)) == 0
