"""Datumaro's JSON: boxes, polygons, masks and labels, and what is damaged in it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from damaged import read_or_explained
from flawforge.data.reading.file_tree import walk
from flawforge.data.reading.formats.datumaro import datumaro
from flawforge.data.reading.load import load
from flawforge.data.regions import as_runs, expand_runs
from flawforge.data.sample import Box

from ..listed import labels

CLASSES = {"label": {"labels": [{"name": "scratch", "parent": "", "attributes": []}, {"name": "spot"}]}}
RING = [4, 5, 10, 5, 10, 12, 4, 12]


def item(number: int, *annotations: Any, **more: Any) -> dict[str, Any]:
    picture = {"image": {"path": f"{number}.png", "size": [24, 32]}}
    return {"id": f"{number}", "annotations": list(annotations), **picture, **more}


@pytest.fixture
def folder(tmp_path, save):
    def write(*items: Any, part: str = "train", **more: Any):
        for number in range(4):
            save(tmp_path / "images" / part / f"{number}.png", number)
        (tmp_path / "annotations").mkdir(exist_ok=True)
        data = {"info": {}, "categories": CLASSES, "items": list(items), **more}
        (tmp_path / "annotations" / f"{part}.json").write_text(json.dumps(data))
        return tmp_path

    return write


def test_boxes_polygons_masks_and_labels(folder):
    pixels = np.zeros((24, 32), np.uint8, order="F")
    pixels[5:12, 4:10] = 1
    packed = {"counts": coco_mask.encode(pixels)["counts"].decode(), "size": [24, 32]}
    dataset = load(
        folder(
            item(0, {"type": "bbox", "label_id": 0, "bbox": [4, 5, 6, 7]}),
            item(1, {"type": "polygon", "label_id": 1, "points": RING}, {"type": "label", "label_id": 1}),
            item(2, {"type": "mask", "label_id": 1, "rle": packed}, image=None, media={"path": "x/2.png"}),
            item(3, image={"path": "", "size": [24, 32]}),
        )
    )
    assert (dataset.layout, dataset.counts) == ("datumaro", {"good": 1, "scratch": 1, "spot": 2})
    assert [box for sample in dataset.samples for box in sample.boxes] == [Box("scratch", 4, 5, 10, 12)]
    assert np.array_equal(dataset.mask(2), pixels)
    assert np.array_equal(dataset.mask(3), pixels)


def test_parts_of_a_split_and_images_that_no_file_lists(folder):
    folder(item(0, {"type": "label", "label_id": 0}))
    data = folder(item(0, {"type": "label", "label_id": 1}), part="val")
    assert labels(load(data)) == {"images/train/0.png": "scratch", "images/val/0.png": "spot"}
    assert len(load(data).unlabelled) == 6


@pytest.mark.parametrize(
    ("annotation", "told"),
    [
        ({"type": "bbox", "label_id": 0, "bbox": [1, 2, 3]}, "only their class was taken"),
        ({"type": "bbox", "label_id": 0, "bbox": [1, 2, 3, float("inf")]}, "its numbers are not finite"),
        ({"type": "polygon", "label_id": 0, "points": [1, 2, 3, 4]}, "no polygon of three points or more"),
        ({"type": "mask", "label_id": 0, "rle": {"counts": "~", "size": [24, 32]}}, "packed run lengths are damaged"),
        ({"type": "mask", "label_id": 0}, "its size is not two whole numbers"),
        ({"type": "points", "label_id": 0, "points": [1, 2]}, "'points' is no box, polygon or mask"),
    ],
)
def test_shapes_that_cannot_be_read_leave_the_class(folder, annotation, told):
    dataset = load(folder(item(0, annotation)))
    assert dataset.counts == {"scratch": 1}
    assert any(told in note for note in dataset.notes)


@pytest.mark.parametrize("number", [2, -1, None, True, "0", [0]])
def test_a_class_that_the_file_does_not_name_leaves_the_image_unlabelled(folder, number):
    dataset = load(folder(item(0, {"type": "label", "label_id": number}), item(1)))
    assert dataset.counts == {"good": 1}
    assert "annotations/train.json gives it annotations of no class that the file names" in {
        sample.label_source for sample in dataset.unlabelled
    }


@pytest.mark.parametrize("wrong", [None, 3, {}, {"id": 5}, {"id": "9"}, {"image": {"path": ["0.png"]}}])
def test_items_of_no_image_are_told(folder, wrong):
    dataset = load(folder(item(0), wrong))
    assert any(note.startswith("Once: listed images that are not in the folder") for note in dataset.notes)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32))
def test_what_is_written_is_read_back(tmp_path_factory, seed):
    draws = np.random.default_rng(seed)
    folder = tmp_path_factory.mktemp("set")
    (folder / "0.png").touch()
    pixels = draws.random((9, 7)) < 0.5
    pixels[0, 0] = True
    shapes: list[Any] = [
        {"type": "mask", "label_id": 1, "rle": {"counts": list(as_runs(pixels).counts), "size": [9, 7]}}
    ]
    ring = draws.random(2 * draws.integers(3, 9)).tolist()
    shapes.append({"type": "polygon", "label_id": 0, "points": ring})
    data = {"categories": CLASSES, "items": [item(0, *shapes)]}
    (folder / "a.json").write_text(json.dumps(data))
    read = datumaro(folder, walk(folder))
    assert read is not None
    masked, outlined = read.images["0.png"].marks
    assert (masked.label, outlined.label) == ("spot", "scratch")
    assert np.array_equal(expand_runs(masked.regions[0]), pixels)
    assert outlined.regions[0].rings == (tuple(ring),)


@pytest.mark.nightly
def test_damaged_bytes_end_in_a_reading_or_a_named_error(folder):
    data = folder(item(0, {"type": "polygon", "label_id": 1, "points": RING}), item(1), item(2))
    read_or_explained(data / "annotations" / "train.json", lambda: load(data))
