"""How a training image lies on a generated one, read from the map between them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from flawforge.metrics.copying.normalised_texture import SYMMETRIES, apply_symmetry
from flawforge.studies.copies.alignments import describe_placement, tilt
from flawforge.studies.copies.pair_pictures import align_picture


def rotation(degrees: float) -> np.ndarray:
    a, b = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[a, -b, 0], [b, a, 0]])


@pytest.mark.parametrize("symmetry", range(8))
def test_each_symmetry_is_named(symmetry: int) -> None:
    """The map that lays the source onto its changed copy is found by trying all eight."""
    image = torch.arange(64.0).reshape(1, 1, 8, 8)
    copy = apply_symmetry(image, symmetry)
    for linear in (
        np.array(m)
        for m in (
            [[1, 0], [0, 1]],
            [[-1, 0], [0, 1]],
            [[1, 0], [0, -1]],
            [[-1, 0], [0, -1]],
            [[0, 1], [1, 0]],
            [[0, -1], [1, 0]],
            [[0, 1], [-1, 0]],
            [[0, -1], [-1, 0]],
        )
    ):
        matrix = np.c_[linear, [0, 0]].astype(float)
        grid = F.affine_grid(torch.from_numpy(matrix)[None].float(), [1, 1, 8, 8], align_corners=False)
        if torch.allclose(F.grid_sample(image, grid, align_corners=False), copy, atol=1e-3):
            assert describe_placement(matrix) == (SYMMETRIES[symmetry], 1.0, (0.0, 0.0))
            return
    pytest.fail("no map lays the source onto the copy")


def test_scale_and_shift_are_those_of_the_training_image_as_shown() -> None:
    """The generated image shows the middle half of the training image: it was enlarged to twice its size."""
    assert describe_placement(np.array([[0.5, 0, 0], [0, 0.5, 0]])) == ("identity", 2.0, (0.0, 0.0))
    _, scale, shift = describe_placement(np.array([[1, 0, -0.2], [0, 1, 0.4]]))
    assert (scale, shift) == (1.0, pytest.approx((10, -20)))
    assert describe_placement(np.zeros((2, 3)))[1:] == (0.0, (0.0, 0.0))


@pytest.mark.parametrize(("degrees", "beside"), [(0, 0), (12, 12), (-12, 12), (90, 0), (100, 10), (45, 45)])
def test_the_tilt_is_beside_the_nearest_quarter_turn(degrees: float, beside: float) -> None:
    assert tilt(rotation(degrees)) == pytest.approx(beside, abs=1e-6)


@pytest.mark.parametrize("shape", [(6, 8), (6, 8, 3)])
def test_a_training_image_is_laid_on_the_generated_one(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).integers(1, 255, shape).astype(np.uint8)
    assert np.array_equal(align_picture(image, [1, 0, 0, 0, 1, 0]), image)
    assert np.array_equal(align_picture(image, [-1, 0, 0, 0, 1, 0]), image[:, ::-1])
    shifted = align_picture(image, [1, 0, 0.5, 0, 1, 0])  # shows the training image two pixels to the right
    assert np.array_equal(shifted[:, :6], image[:, 2:])
    assert not shifted[:, 6:].any()
    assert shifted.dtype == np.uint8
