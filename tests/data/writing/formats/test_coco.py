"""COCO: outlines only where they are exact, run lengths else, and what evaluators ask for in each annotation."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flawforge.data.dataset import Dataset
from flawforge.data.writing.convert import convert


def written(marked: Dataset, out: Path) -> dict[str, Any]:
    convert(marked, out, "coco")
    whole: dict[str, Any] = json.loads((out / "annotations" / "instances_train.json").read_text())
    return whole


def test_holes_parts_and_thin_defects_are_run_lengths_and_the_others_outlines(marked: Dataset, tmp_path: Path) -> None:
    whole = written(marked, tmp_path / "out")
    names = {image["id"]: image["file_name"] for image in whole["images"]}
    kinds = {names[one["image_id"]]: type(one.get("segmentation")).__name__ for one in whole["annotations"]}
    assert kinds == {
        "ring.png": "dict",
        "parts.png": "dict",
        "pixel.png": "dict",
        "line.png": "dict",
        "border.png": "list",
        "box.png": "NoneType",
    }
    for one in whole["annotations"]:
        assert one["iscrowd"] == 0
        assert one["area"] > 0
        assert one.get("segmentation") != []


def test_ids_begin_with_one_and_good_images_are_listed(marked: Dataset, tmp_path: Path) -> None:
    whole = written(marked, tmp_path / "out")
    for key, count in (("images", 8), ("annotations", 6), ("categories", 2)):
        assert [one["id"] for one in whole[key]] == list(range(1, count + 1))
    assert [one["name"] for one in whole["categories"]] == ["scratch", "spot"]
    assert {image["flawforge"]["origin"] for image in whole["images"]} == {"real"}


def test_boxes_without_masks_among_others_are_told(marked: Dataset, tmp_path: Path, save: Callable[..., Path]) -> None:
    notes = convert(marked, tmp_path / "out", "coco").notes
    assert any(note.startswith("1 of 6 defects in train have a box and no mask") for note in notes)
