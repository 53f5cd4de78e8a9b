from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flawforge.core.arrays import Bools
from flawforge.core.errors import RunBrokenError
from flawforge.data.dataset import Dataset
from flawforge.data.estimates import estimated_sentences
from flawforge.data.reading.load import load
from flawforge.data.regions import MaskImage, Polygon
from flawforge.data.sample import Mark
from flawforge.training import estimated_masks
from flawforge.training.estimated_masks import EstimatedMasks, boxes_beyond, estimate_masks, with_saved_masks

SIZE, SQUARE = 96, (slice(40, 58), slice(30, 48))
BOX = (24.0, 34.0, 54.0, 64.0)  # left, top, right, bottom: looser than the square


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(120, 6, (SIZE, SIZE))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Give 8 good images of noise, and 3 pits: squares of stripes, but for the last, which shows nothing."""
    folder = tmp_path_factory.mktemp("photos")
    for label, count in (("good", 8), ("pit", 3)):
        (folder / label).mkdir()
        for number in range(count):
            pixels = noise(number if label == "good" else 100 + number)
            if label == "pit" and number < 2:
                pixels[SQUARE] = 60 + 150 * (np.arange(18) % 6 < 3)
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / label / f"{number}.png")
    return load(folder)


def marked(data: Dataset, *marks: Mark) -> Dataset:
    return replace(data, samples=tuple(replace(one, marks=marks if one.label == "pit" else ()) for one in data.samples))


def truth() -> Bools:
    mask = np.zeros((SIZE, SIZE), bool)
    mask[SQUARE] = True
    return mask


def test_from_a_box(photos: Dataset) -> None:
    found = estimate_masks(marked(photos, Mark("pit", BOX)))
    (row, other, flat) = [row for row, one in enumerate(found.data.samples) if one.label == "pit"]
    for each in (row, other):
        mask = found.data.mask(each, "pit")
        assert (mask & truth()).sum() / (mask | truth()).sum() > 0.6  # stripes of the ground's own level are lost
    assert found.data.mask(flat, "pit").any(), "a box is never left without a mask"
    sample = found.data.samples[row]
    assert (sample.marks[0].estimated, sample.marks[0].corners) == ("box", BOX)
    assert found.sentences == ["The masks of 3 images are estimated from their boxes, not drawn (3 of pit)."]


def test_nothing_is_estimated_where_anything_is_drawn_or_said_to_be_nothing(photos: Dataset) -> None:
    drawn = estimate_masks(marked(photos, Mark("pit", BOX))).data
    drawn = replace(
        drawn,
        samples=tuple(replace(one, marks=tuple(replace(m, estimated="") for m in one.marks)) for one in drawn.samples),
    )
    more = (replace(one, marks=(*one.marks, Mark("pit", BOX))) if one.marks else one for one in drawn.samples)
    mixed = replace(drawn, samples=tuple(more))
    empty = replace(
        photos, samples=tuple(replace(one, nothing_marked=one.label == "pit", marks=()) for one in photos.samples)
    )
    for data in (drawn, mixed, empty):
        found = estimate_masks(data)
        assert found.data.samples == data.samples
        assert found.sentences == []


def test_from_good_images_and_what_shows_nothing_is_named(
    photos: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimated_masks, "SIDE", 192)
    found = estimate_masks(photos)
    *striped, flat = [row for row, one in enumerate(found.data.samples) if one.label == "pit"]
    for row in striped:
        mask = found.data.mask(row, "pit")
        assert (mask & truth()).sum() / mask.sum() > 0.5
        assert (mask & truth()).sum() / truth().sum() > 0.5
        assert {mark.estimated for mark in found.data.samples[row].marks} == {"good images"}
    assert found.nothing == (found.data.samples[flat].file,)
    assert not found.data.samples[flat].marks
    assert found.data.samples[flat].file in found.lacking
    assert found.sentences[:-1] == [
        "The masks of 2 images are estimated from what differs from good images, not drawn (2 of pit)."
    ]
    found.save(tmp_path / "masks.json")
    again = with_saved_masks(photos, tmp_path / "masks.json")
    assert all(np.array_equal(again.mask(row), found.data.mask(row)) for row in range(len(photos)))
    assert estimated_sentences(again.samples) == found.sentences[:-1]
    (tmp_path / "masks.json").write_text(json.dumps({"format": 1, "images": 3}))
    with pytest.raises(RunBrokenError):
        with_saved_masks(photos, tmp_path / "masks.json")


def test_estimates_that_an_export_carries_are_kept_however_it_holds_them(photos: Dataset, tmp_path: Path) -> None:
    Image.fromarray(np.eye(SIZE, dtype=np.uint8) * 255).save(tmp_path / "drawn.png")
    ring = Polygon(((30.0, 40.0, 48.0, 40.0, 48.0, 58.0),))
    data = replace(marked(photos, Mark("pit", BOX, (ring, MaskImage("drawn.png")), "box")), root=tmp_path)
    EstimatedMasks(data).save(tmp_path / "masks.json")
    again = with_saved_masks(photos, tmp_path / "masks.json")
    assert again.mask(8).any()
    assert all(np.array_equal(again.mask(row), data.mask(row)) for row in range(len(photos)))


def test_one_image_in_two_files_keeps_the_marks_of_each(
    photos: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = (Mark("pit", (left, 34.0, left + 30, 64.0)) for left in (24.0, 34.0))
    pit = next(one for one in photos.samples if one.label == "pit")
    marks = {"a.png": (here,), "b.png": (there,), "c.png": ()}
    data = replace(photos, samples=tuple(replace(pit, file=file, marks=own) for file, own in marks.items()))
    pixels = photos.read(photos.samples.index(pit))
    monkeypatch.setattr(Dataset, "read", lambda *_: pixels)
    found = estimate_masks(data)
    found.save(tmp_path / "masks.json")
    again = with_saved_masks(data, tmp_path / "masks.json")
    assert [one.boxes for one in again.samples] == [one.boxes for one in data.samples]
    assert all(np.array_equal(again.mask(row), found.data.mask(row)) for row in range(2))


def test_without_boxes_and_good_images_nothing_changes(photos: Dataset) -> None:
    pits = photos.select(["pit"])
    assert estimate_masks(pits).data.samples == pits.samples
    assert with_saved_masks(pits, Path("nowhere.json")) is pits


def test_a_map_below_the_limit_has_no_boxes() -> None:
    farther = np.zeros((12, 12))
    farther[3:5, 6:9] = 4.0
    assert boxes_beyond(farther, 4.0, (96, 120)) == []
    assert boxes_beyond(farther, 3.9, (96, 120)) == [(24, 60, 40, 90)]
