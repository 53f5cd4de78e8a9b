"""Masks as PNG files that keep each value."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from flawforge.data.writing.mask_files import PALETTE, mask_png, palette_png


def test_a_mask_is_black_and_white() -> None:
    image = Image.open(io.BytesIO(mask_png(np.array([[True, False]]))))
    assert (image.mode, np.asarray(image).tolist()) == ("L", [[255, 0]])


def test_a_palette_image_keeps_its_numbers_and_no_two_have_one_colour() -> None:
    numbers = np.arange(255, dtype=np.uint8).reshape(15, 17)
    image = Image.open(io.BytesIO(palette_png(numbers)))
    assert image.mode == "P"
    np.testing.assert_array_equal(np.asarray(image), numbers)
    colours = np.asarray(image.convert("RGB")).reshape(-1, 3).tolist()
    assert [tuple(colour) for colour in colours] == list(PALETTE)
    assert len(set(PALETTE)) == 255
    assert PALETTE[0] == (0, 0, 0)
