from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flawforge.core.arrays import Bools, Floats32
from flawforge.data.augmentation.mask_in_box import BoxedImage, otsu

SIZE = (60, 72)


def iou(one: Bools, other: Bools) -> float:
    return float((one & other).sum() / (one | other).sum())


def planted(step: float, seed: int, slope: float = 0.0) -> tuple[Floats32, Bools]:
    """Return noise, lighter towards the right, with a square of 14 pixels that is `step` lighter."""
    pixels = np.random.default_rng(seed).normal(0.5, 0.02, SIZE) + slope * np.linspace(-0.5, 0.5, SIZE[1])
    mask = np.zeros(SIZE, bool)
    mask[20:34, 30:44] = True
    return (pixels + step * mask).astype(np.float32), mask


@pytest.mark.parametrize("step", [0.2, -0.2])
@pytest.mark.parametrize("slope", [0.0, 0.3])
def test_a_planted_square_is_found_in_a_loose_box(step: float, slope: float) -> None:
    for seed in range(4):
        pixels, mask = planted(step, seed, slope)
        assert iou(BoxedImage(pixels, [(14, 24, 40, 50)]).mask((14, 24, 40, 50)), mask) > 0.85


def test_colour_counts_by_its_luminance() -> None:
    pixels, _ = planted(0.2, 0)
    box = (14, 24, 40, 50)
    coloured = np.repeat(pixels[..., None], 3, axis=2)
    assert iou(BoxedImage(coloured, [box]).mask(box), BoxedImage(pixels, [box]).mask(box)) > 0.99


@settings(max_examples=25)
@given(
    st.integers(0, 1000), st.integers(0, 50), st.integers(0, 60), st.integers(1, 60), st.integers(1, 72), st.booleans()
)
def test_a_mask_lies_within_its_box(seed: int, top: int, left: int, height: int, width: int, flat: bool) -> None:
    pixels = np.full(SIZE, 0.5, np.float32) if flat else planted(0.2, seed)[0]
    box = top, left, min(top + height, SIZE[0]), min(left + width, SIZE[1])
    mask = BoxedImage(pixels, [box]).mask(box)
    assert mask.shape == SIZE
    assert not mask.any() or not flat, "nothing differs in a flat image"
    mask[box[0] : box[2], box[1] : box[3]] = False
    assert not mask.any()


def test_other_boxes_are_no_ground() -> None:
    pixels, mask = planted(0.2, 0)
    pixels[:, 44:] += np.float32(0.2)  # beside it lies a defect as light, in a box of its own
    box, beside = (14, 24, 40, 44), (0, 44, 60, 72)
    assert iou(BoxedImage(pixels, [box, beside]).mask(box), mask) > 0.85
    assert iou(BoxedImage(pixels, [box]).mask(box), mask) < 0.85


def test_the_threshold_is_that_of_the_library() -> None:
    from skimage.filters import threshold_otsu

    values = np.concatenate([np.random.default_rng(0).normal(0, 1, 500), np.random.default_rng(1).normal(5, 1, 200)])
    assert otsu(values) == pytest.approx(float(threshold_otsu(values)))
