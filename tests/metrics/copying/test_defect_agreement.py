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
    found = DefectPatch.of(pixels, np.full_like(pixels, 0.5), mask)
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
    assert DefectPatch.of(pixels, pixels, speck) is None
    flat = np.full_like(pixels, 0.5)
    assert agreement(patch(flat, mask), patch(flat, mask)) == 0
