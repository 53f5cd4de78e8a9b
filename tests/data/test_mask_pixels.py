"""Numbers of mask images in every mode, and files that are none."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from damaged import damaged
from flawforge.core.errors import ImageBrokenError
from flawforge.data import mask_pixels as module
from flawforge.data.mask_pixels import levels_of, mask_pixels, palette_of

TWO = np.array([[0, 1], [1, 0]], np.uint8)


@pytest.mark.parametrize(
    ("mode", "name", "levels"),
    [
        ("L", "a.png", [0, 1]),
        ("1", "a.png", [0, 255]),
        ("1", "a.tif", [0, 255]),
        ("P", "a.png", [0, 1]),
        ("P", "a.gif", [0, 1]),
        ("I;16", "a.png", [0, 1]),
        ("I", "a.tif", [0, 1]),
        ("F", "a.tif", [0, 255]),
        ("RGB", "a.bmp", [0, 1]),
    ],
)
def test_every_mode_keeps_its_levels(tmp_path, mode, name, levels):
    picture = Image.fromarray(TWO)
    if mode == "1":
        picture = Image.fromarray(TWO * 255).convert("1")
    elif mode == "P":
        picture.putpalette([0, 0, 0, 128, 0, 0] + [0] * 762)
    elif mode != "L":
        picture = (
            picture.convert("RGB")
            if mode == "RGB"
            else Image.fromarray(TWO.astype({"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]))
        )
    picture.save(tmp_path / name)
    found, counts = levels_of(mask_pixels(tmp_path / name))
    assert (found.tolist(), counts.tolist()) == (levels, [2, 2])
    np.testing.assert_array_equal(mask_pixels(tmp_path / name) == levels[1], TWO == 1)


def test_colours_are_told_apart_and_what_is_opaque_is_marked(tmp_path):
    colours = np.zeros((2, 2, 4), np.uint8)
    colours[0, 0] = (250, 50, 83, 255)
    Image.fromarray(colours[..., :3]).save(tmp_path / "a.png")
    assert mask_pixels(tmp_path / "a.png").tolist() == [[(250 << 16) + (50 << 8) + 83, 0], [0, 0]]
    colours[0, 0, :3] = 0
    Image.fromarray(colours).save(tmp_path / "b.png")
    assert mask_pixels(tmp_path / "b.png").tolist() == [[255, 0], [0, 0]]


def test_the_colours_of_a_palette(tmp_path):
    picture = Image.fromarray(TWO).convert("P")
    picture.putpalette([0, 0, 0, 128, 0, 1])
    picture.save(tmp_path / "a.png")
    assert palette_of(tmp_path / "a.png")[1] == (128 << 16) + 1
    Image.fromarray(TWO).save(tmp_path / "b.png")
    assert palette_of(tmp_path / "b.png") == {}
    (tmp_path / "c.png").write_bytes(b"x")
    with pytest.raises(ImageBrokenError):
        palette_of(tmp_path / "c.png")


def test_what_is_no_mask_is_refused(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n")  # never given to other programs
    with pytest.raises(ImageBrokenError, match="is no mask that can be read$"):
        mask_pixels(tmp_path / "a.png")
    Image.fromarray(np.full((2, 2), np.nan, np.float32)).save(tmp_path / "b.tif")
    with pytest.raises(ImageBrokenError, match="no finite numbers"):
        mask_pixels(tmp_path / "b.tif")
    monkeypatch.setattr(module, "LARGEST", 3)
    Image.fromarray(TWO).save(tmp_path / "c.png")
    with pytest.raises(ImageBrokenError, match="it has 2 x 2 pixels"):
        mask_pixels(tmp_path / "c.png")


def test_levels_of_large_and_negative_numbers():
    assert levels_of(np.array([[-1, 1 << 20], [0, 0]]))[0].tolist() == [-1, 0, 1 << 20]


@pytest.mark.nightly
@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.gif", "a.jpg"])
def test_damaged_bytes_end_in_a_mask_or_a_named_error(tmp_path, name):
    Image.fromarray(np.kron(TWO, np.full((8, 8), 255, np.uint8))).save(tmp_path / name)
    for _ in damaged(tmp_path / name):
        with suppress(ImageBrokenError):
            assert mask_pixels(tmp_path / name).ndim == 2
