from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from flawforge.core.images import WHITES, encode_png, grid, resize, to_gray, to_pixels, to_unit


@pytest.mark.parametrize("white", WHITES)
def test_every_pixel_value_survives_the_way_into_memory_and_back(white: int) -> None:
    every = np.arange(white + 1).astype(np.uint8 if white == 255 else np.uint16)
    unit = to_unit(every, white)
    assert (unit.min(), unit.max()) == (-1, 1)
    assert unit.dtype == np.float32
    back = to_pixels(unit, white)
    assert back.dtype == every.dtype
    assert np.array_equal(back, every)


def test_values_outside_are_clipped() -> None:
    assert to_pixels(np.array([-3.0, 3.0], np.float32)).tolist() == [0, 255]


def test_gray_stored_as_colour_keeps_its_value_exactly() -> None:
    every = np.arange(256, dtype=np.uint8)
    assert np.array_equal(to_gray(np.repeat(every[:, None], 3, axis=1)), every)


@pytest.mark.parametrize(("mode", "dtype"), [("L", np.uint8), ("RGB", np.uint8), ("I;16", np.uint16)])
def test_png_is_lossless_and_has_the_mode(mode: str, dtype: type) -> None:
    shape = (5, 7, 3) if mode == "RGB" else (5, 7)
    pixels = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape).astype(dtype)
    image = Image.open(io.BytesIO(encode_png(pixels, mode)))  # type: ignore[arg-type]
    assert image.mode == mode
    assert np.array_equal(np.asarray(image), pixels)


def test_a_depth_that_does_not_fit_the_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="mode I;16 takes uint16 pixels, not uint8"):
        encode_png(np.zeros((2, 2), np.uint8), "I;16")


@given(st.integers(1, 20), st.integers(1, 20), st.sampled_from([np.uint8, np.uint16]), st.booleans())
def test_resizing_keeps_kind_and_a_flat_image_flat(height: int, width: int, dtype: type, colour: bool) -> None:
    value = 200 if dtype is np.uint8 else 40_000
    flat = np.full((9, 13, 3) if colour else (9, 13), value, dtype)
    out = resize(flat, height, width)
    assert out.shape[:2] == (height, width)
    assert out.dtype == dtype
    assert out.ndim == flat.ndim
    assert np.all(out == value)


def test_sixteen_bits_are_resized_like_eight() -> None:
    small = np.random.default_rng(1).integers(0, 256, (40, 30)).astype(np.uint8)
    deep = resize(small.astype(np.uint16) * 257, 16, 16) / 257
    # Pillow rounds 8-bit images between its two passes (0.5 times the filter's absolute sum, below 1.5) and at the end.
    assert np.abs(deep - resize(small, 16, 16)).max() <= 0.75 + 1.0


def test_a_grid_has_its_images_in_reading_order() -> None:
    images = [np.full((2, 3), i, np.uint8) for i in range(5)]
    sheet = grid(images, 2, gap=1, background=9)
    assert sheet.shape == (8, 7)
    assert sheet[0, 0] == 0
    assert sheet[0, 4] == 1
    assert sheet[6, 0] == 4
    assert sheet[6, 4] == 9
