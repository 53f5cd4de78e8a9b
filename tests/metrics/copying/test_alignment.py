"""Alignment: a placement that is a little off is refined to the true one, and only copies stand out from beside it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch.nn import functional as F

from flawforge.metrics.copying.alignment import agreements, align, margin
from flawforge.metrics.copying.normalised_texture import SIDE, normalised_textures


def textures(count: int = 3) -> torch.Tensor:
    rng = np.random.default_rng(0)
    noise = ndimage.gaussian_filter(rng.standard_normal((count, 128, 128)), (0, 3, 3))
    return normalised_textures(torch.from_numpy(128 + 25 * noise / noise.std()))


def laid(images: torch.Tensor, matrices: torch.Tensor) -> torch.Tensor:
    """Return what a query sees of the images through its maps."""
    grid = F.affine_grid(matrices, [len(images), 1, SIDE, SIDE], align_corners=False)
    return F.grid_sample(images[:, None], grid, align_corners=False)[:, 0]


IDENTITY = torch.eye(2, 3)[None]


def test_the_map_of_a_shifted_turned_and_brightened_copy_is_found() -> None:
    references = textures()
    true = torch.tensor([[[0.97, -0.08, 0.05], [0.07, 0.95, -0.04]]]).repeat(3, 1, 1)
    agreement, maps = align(1.5 * laid(references, true), references, IDENTITY.repeat(3, 1, 1), 10)
    assert float((maps - true).abs().max()) < 0.01
    assert float(agreement.min()) > 0.85


def test_unlike_images_do_not_agree_and_do_not_stand_out() -> None:
    references = textures()
    maps = IDENTITY.repeat(3, 1, 1)
    own, other = (align(references, onto, maps, 10) for onto in (references, references.roll(1, 0)))
    assert float(own[0].min()) > 0.9
    assert float(other[0].max()) < 0.6
    copies, unlike = margin(references, references, own[1]), margin(references, references.roll(1, 0), other[1])
    assert float(copies.min()) > 1
    assert float(unlike.max()) < 0.5 * float(copies.min())


def test_straight_grooves_that_fit_anywhere_prove_nothing() -> None:
    rows = ndimage.gaussian_filter1d(np.random.default_rng(1).standard_normal(128), 3)
    grooves = normalised_textures(torch.from_numpy(128 + 200 * np.repeat(rows[:, None], 128, 1))[None])
    assert float(align(grooves, grooves, IDENTITY, 10)[0]) > 0.85
    assert abs(float(margin(grooves, grooves, IDENTITY))) < 0.2


@pytest.mark.parametrize("half", [0, 1])
def test_half_a_copy_is_found_in_its_half(half: int) -> None:
    one, other, _ = textures()
    pieced = one.clone()
    pieced[:, SIDE // 2 :] = other[:, SIDE // 2 :]
    reference = (one, other)[half]
    parts = agreements(pieced[None], reference[None], torch.ones(1, SIDE, SIDE, dtype=torch.bool))[0]
    whole, left, right, upper, lower = parts.tolist()
    best, worst = ((left, right), (right, left))[half]
    assert best > 0.6
    assert worst < 0.3
    assert worst < min(whole, upper, lower) < best


def test_what_overlaps_less_counts_less() -> None:
    image = textures(1)
    inside = torch.ones(1, SIDE, SIDE, dtype=torch.bool)
    narrow = inside.clone()
    narrow[:, :, SIDE // 4 :] = False
    whole, quarter = (float(agreements(image, image, where)[0, 0]) for where in (inside, narrow))
    assert quarter == pytest.approx(whole / 2, rel=0.05)
