"""What a classifier sees of an image."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from flawforge.core.images import to_gray
from flawforge.data.classifier_view import seen
from flawforge.data.levelling import QUALITY

COLOURED = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
GRAY = COLOURED[:, :, 0]


def test_images_of_jpeg_sources_all_pass_the_encoding(tmp_path) -> None:
    Image.fromarray(GRAY).save(tmp_path / "a.jpg", quality=QUALITY)
    expected = np.asarray(Image.open(tmp_path / "a.jpg"))
    assert (seen(GRAY, 255, 1, (24, 32), quality=QUALITY)[0] == expected).all()
    assert (seen(GRAY, 255, 1, (24, 32), quality=None)[0] == GRAY).all()
    assert (expected != GRAY).any()


@pytest.mark.parametrize(("pixels", "channels"), [(GRAY, 1), (GRAY, 3), (COLOURED, 1), (COLOURED, 3)])
def test_gray_is_repeated_and_colour_becomes_luma(pixels: np.ndarray, channels: int) -> None:
    view = seen(pixels, 255, channels, (24, 32), quality=None)
    assert (view.shape, view.dtype) == ((channels, 24, 32), np.uint8)
    if pixels.ndim == 3 and channels == 3:
        assert (view == pixels.transpose(2, 0, 1)).all()
    else:
        gray = pixels if pixels.ndim == 2 else np.rint(to_gray(pixels))
        assert (np.abs(view.astype(int) - gray) <= 1).all()


def test_white_is_white_at_any_depth_and_size() -> None:
    deep = np.full((40, 40), 4095, np.uint16)
    view = seen(deep, 4095, 1, (16, 20), quality=None)
    assert view.shape == (1, 16, 20)
    assert (view == 255).all()
