from __future__ import annotations

import numpy as np
from PIL import Image

from flawforge.data.inspection.contact_sheet import GAP, LINE, contact_sheet
from flawforge.data.reading.load import load


def test_a_row_a_class_with_proportions_kept(tmp_path):
    for label, shape in (("tall", (40, 10)), ("wide", (10, 40))):
        (tmp_path / label).mkdir()
        for i in range(5):
            Image.fromarray(np.full(shape, 10 + i, dtype=np.uint8)).save(tmp_path / label / f"{i}.png")
    sheet = contact_sheet(load(tmp_path), columns=3, cell=20)
    assert sheet.shape == (2 * (LINE + 20), 3 * 20 + 2 * GAP)
    tall, wide = sheet[LINE : LINE + 20, :20], sheet[2 * LINE + 20 :, :20]
    assert ((tall < 255).any(axis=1).sum(), (tall < 255).any(axis=0).sum()) == (20, 5)
    assert ((wide < 255).any(axis=1).sum(), (wide < 255).any(axis=0).sum()) == (5, 20)
    shown = [int(sheet[LINE + 10, 10 + column * (20 + GAP)]) for column in range(3)]
    assert shown == [10, 12, 14]  # first, middle and last of the class


def test_16_bits_and_colour_are_shown_in_8_bits(tmp_path):
    Image.fromarray(np.full((8, 8), 1023, dtype=np.uint16)).save(tmp_path / "a.png")
    deep = contact_sheet(load(tmp_path), columns=2, cell=8)
    assert (deep.dtype, deep.ndim, deep[LINE + 4, 4]) == (np.dtype(np.uint8), 2, 255)
    Image.new("RGB", (8, 8), (200, 10, 10)).save(tmp_path / "b.png")
    Image.new("RGB", (8, 8), (10, 200, 10)).save(tmp_path / "c.png")
    colour = contact_sheet(load(tmp_path), columns=3, cell=8)
    np.testing.assert_array_equal(colour[LINE + 4, [4, 8 + GAP + 4]], [[255, 255, 255], [200, 10, 10]])
