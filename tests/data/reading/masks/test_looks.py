"""What a look into a file says."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from flawforge.data.reading.masks.looks import look, look_into

SPOT = np.zeros((64, 64), bool)
SPOT[20:30, 20:34] = True
PICTURE = np.clip(120 + 20 * np.random.default_rng(0).standard_normal((64, 64)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("pixels", "name", "seen"),
    [
        (SPOT * np.uint8(255), "a.png", "mask"),
        (SPOT * np.uint8(1), "a.png", "mask"),
        (SPOT * np.uint8(255), "a.jpg", "mask"),
        (np.where(SPOT, 255, PICTURE // 8).astype(np.uint8), "a.png", "mask"),
        (SPOT[..., None] * np.array([250, 50, 83], np.uint8), "a.png", "mask"),
        (SPOT * np.uint16(65535), "a.png", "mask"),
        (PICTURE, "a.png", "picture"),
        (PICTURE, "a.jpg", "picture"),
        (PICTURE.astype(np.uint16) * 200, "a.png", "picture"),
        (np.dstack([PICTURE, PICTURE, PICTURE.T]), "a.png", "picture"),
        (np.zeros((64, 64), np.uint8), "a.png", "even"),
        (np.zeros((64, 64), np.uint8), "a.jpg", "even"),
        (SPOT * np.uint8(3), "a.jpg", "even"),
    ],
)
def test_a_look_at_one_file(tmp_path, pixels, name, seen):
    Image.fromarray(pixels).save(tmp_path / name)
    assert look(tmp_path / name) == seen


def test_a_palette_is_a_mask_and_a_damaged_file_nothing(tmp_path):
    picture = Image.fromarray(SPOT * np.uint8(3)).convert("P")
    picture.putpalette([7, 7, 7] * 256)
    picture.save(tmp_path / "a.png")
    assert look(tmp_path / "a.png") == "mask"
    (tmp_path / "a.png").write_bytes(b"")
    assert look(tmp_path / "a.png") == "unreadable"


def test_few_of_many_files_decide(tmp_path, monkeypatch):
    names = [f"{i:03}.png" for i in range(40)]
    for i, name in enumerate(names):
        Image.fromarray(np.zeros_like(PICTURE) if i % 3 else SPOT * np.uint8(255)).save(tmp_path / name)
    opened = []
    real = Image.open
    monkeypatch.setattr(Image, "open", lambda path, **how: opened.append(path) or real(path, **how))
    assert look_into(tmp_path, names) == "masks"
    assert len(opened) <= 8
    assert look_into(tmp_path, names[1:3]) == "nothing"
    Image.fromarray(PICTURE).save(tmp_path / "picture.png")
    assert look_into(tmp_path, [names[0], "picture.png"]) == "pictures"
    assert look_into(tmp_path, [*[names[0]] * 7, "picture.png"]) == "masks"  # one of eight is odd
    assert look_into(tmp_path, []) == "nothing"
