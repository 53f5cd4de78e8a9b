"""Masks and their images, whose sizes agree or do not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flawforge.data.dataset import Dataset
from flawforge.data.reading.load import load
from flawforge.data.regions import draw_region
from flawforge.data.sample import Broken

TURNED = 274  # the camera's note in EXIF


@pytest.fixture
def read(tmp_path: Path, save: Callable[..., Path]) -> Callable[..., Dataset]:
    """Read three images of 24x32 with the same mask each, the first of them with another one, and turned by a note."""

    def put(mask: np.ndarray, note: int = 1) -> Dataset:
        for number in range(3):
            save(tmp_path / f"{number}.png", number)
            Image.fromarray(np.pad(np.full((6, 9), 255, np.uint8), ((3, 15), (2, 21)))).save(
                tmp_path / f"{number}_mask.png"
            )
        exif = Image.Exif()
        exif[TURNED] = note
        with Image.open(tmp_path / "0.png") as image:
            image.save(tmp_path / "0.png", exif=exif)
        Image.fromarray(mask).save(tmp_path / "0_mask.png")
        return load(tmp_path)

    return put


def spot(height: int, width: int) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    mask[2:8, 4:16] = 255
    return mask


def test_a_mask_of_other_proportions_than_its_image_is_none_of_it(read):
    """It was drawn over the image all the same, distorted, and nothing said so."""
    dataset = read(spot(32, 24))
    assert dataset.broken == (
        Broken("0_mask.png", "is a mask that does not fit: it has 24x32 pixels, its image 0.png 32x24"),
    )
    assert [sample.label_source for sample in dataset.unlabelled] == ["its mask 0_mask.png cannot be used"]
    assert {sample.file: sample.mask for sample in dataset.samples} == {"1.png": "1_mask.png", "2.png": "2_mask.png"}


def test_a_larger_mask_is_scaled_and_that_is_said(read):
    assert (
        "Once: masks of another size than their image, which were scaled to it (0_mask.png)."
        in read(spot(48, 64)).notes
    )


@pytest.mark.parametrize(("note", "turns"), [(6, -1), (8, 1)])
def test_a_mask_of_the_stored_picture_is_turned_with_it(read, note, turns):
    dataset = read(spot(24, 32), note)
    sample = next(sample for sample in dataset.samples if sample.file == "0.png")
    drawn = draw_region(sample.marks[0].regions[0], sample.height, sample.width, dataset.root)
    np.testing.assert_array_equal(drawn, np.rot90(spot(24, 32) > 0, turns))
    assert sample.mask == "0_mask.png"
    assert "masks that were turned with their image" in " ".join(dataset.notes)


def test_a_mask_of_the_shown_picture_stays(read):
    dataset = read(spot(32, 24), 6)
    assert not [note for note in dataset.notes if "turned" in note]
    assert not dataset.broken
