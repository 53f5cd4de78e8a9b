"""What other people's readers make of what is written. Their own losses stand in docs/decisions/label-formats.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flawforge.core.arrays import Bools
from flawforge.data.dataset import Dataset
from flawforge.data.writing.convert import convert

from .conftest import bounds, masks

COCO_FILE = "annotations/instances_train.json"
PLACES = {name: bounds(mask) for name, mask in masks().items()} | {"box": (2, 3, 30, 24)}


def written(marked: Dataset, out: Path, format: str) -> Path:
    convert(marked, out, format)
    return out


def test_pycocotools_draws_the_same_pixels_and_scores_the_labels_against_themselves_as_perfect(
    marked: Dataset, tmp_path: Path
) -> None:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth = COCO(str(written(marked, tmp_path / "out", "coco") / COCO_FILE))
    drawn = masks()
    for one in truth.dataset["annotations"]:
        name = Path(truth.imgs[one["image_id"]]["file_name"]).stem
        left, top, right, bottom = PLACES[name]
        assert one["bbox"] == [left, top, right - left, bottom - top]
        assert one["iscrowd"] == 0
        if name in drawn:
            np.testing.assert_array_equal(truth.annToMask(one), drawn[name])
            assert one["area"] == drawn[name].sum()
    for kind in ("bbox", "segm"):
        results = [{**one, "score": 0.9} for one in json.loads(json.dumps(truth.dataset["annotations"]))]
        found = [one for one in results if kind == "bbox" or "segmentation" in one]
        scored = COCOeval(truth, truth.loadRes(found), kind)
        scored.params.imgIds = sorted({one["image_id"] for one in found})
        scored.evaluate()
        scored.accumulate()
        scored.summarize()
        assert scored.stats[0] == pytest.approx(1)


def test_faster_coco_eval_does_too(marked: Dataset, tmp_path: Path) -> None:
    faster = pytest.importorskip("faster_coco_eval")
    truth = faster.COCO(str(written(marked, tmp_path / "out", "coco") / COCO_FILE))
    drawn = masks()
    for one in truth.dataset["annotations"]:
        name = Path(truth.imgs[one["image_id"]]["file_name"]).stem
        if name in drawn:
            np.testing.assert_array_equal(truth.annToMask(one), drawn[name])
    results = [{**one, "score": 0.9} for one in json.loads(json.dumps(truth.dataset["annotations"]))]
    scored = faster.COCOeval_faster(truth, truth.loadRes(results), "bbox")
    scored.evaluate()
    scored.accumulate()
    scored.summarize()
    assert scored.stats[0] == pytest.approx(1)


def drawn_by_supervision(name: str, found: Any) -> tuple[int, int]:
    """Return how many pixels of a mask are missing in what supervision found, and how many it has more."""
    mask, seen = masks()[name], np.any(found.mask, axis=0)
    return int((mask & ~seen).sum()), int((seen & ~mask).sum())


@pytest.mark.parametrize(
    ("format", "more"),
    [  # outlines are drawn by OpenCV, which takes the pixels under the line: a row and a column at the lower right
        ("coco", {"ring": 0, "pixel": 0, "border": 0, "parts": 0, "line": 0}),
        ("yolo-seg", {"ring": 23, "pixel": 3, "border": 0, "parts": 18, "line": 27}),
    ],
)
def test_supervision_finds_boxes_and_masks(format: str, more: dict[str, int], marked: Dataset, tmp_path: Path) -> None:
    supervision = pytest.importorskip("supervision")
    out = written(marked, tmp_path / "out", format)
    if format == "coco":
        read = supervision.DetectionDataset.from_coco(str(out / "images/train"), str(out / COCO_FILE))
    else:
        places = (out / "images/train", out / "labels/train", out / "data.yaml")
        read = supervision.DetectionDataset.from_yolo(*map(str, places))
    assert read.classes == ["scratch", "spot"]
    seen = {Path(path).stem: found for path, _, found in read}
    assert {name for name, found in seen.items() if not len(found)} == {"plain", "clean"}
    for name, count in more.items():
        assert drawn_by_supervision(name, seen[name]) == (0, count), name
        corners = seen[name].xyxy
        assert (*corners[:, :2].min(0), *corners[:, 2:].max(0)) == PLACES[name]


@pytest.mark.parametrize("format", ["yolo", "voc"])
def test_supervision_finds_the_boxes_exactly(format: str, marked: Dataset, tmp_path: Path) -> None:
    supervision = pytest.importorskip("supervision")
    out = written(marked, tmp_path / "out", format)
    if format == "voc":
        read = supervision.DetectionDataset.from_pascal_voc(str(out / "JPEGImages"), str(out / "Annotations"))
    else:
        places = (out / "images/train", out / "labels/train", out / "data.yaml")
        read = supervision.DetectionDataset.from_yolo(*map(str, places))
    found = {Path(path).stem: found.xyxy.tolist() for path, _, found in read}
    assert found == {name: [list(map(float, box))] for name, box in PLACES.items()} | {"plain": [], "clean": []}


def test_webdataset_gives_whole_samples(marked: Dataset, tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    out = written(marked, tmp_path / "out", "webdataset")
    labels = (out / "classes.txt").read_text().split()
    shard = webdataset.WebDataset(str(out / "train-000000.tar"), shardshuffle=False)
    samples = {sample["__key__"]: sample for sample in shard.decode("l8")}
    assert len(samples) == len(marked)
    drawn: dict[str, Bools] = masks()
    for row, sample in enumerate(marked.samples):
        name = Path(sample.file).stem
        seen = samples[name]
        assert labels[seen["cls"]] == sample.label == seen["json"]["class"]
        assert (seen["json"]["origin"], seen["json"]["source"]) == ("real", sample.file)
        np.testing.assert_array_equal(seen["png"], marked.read(row))
        assert ("mask.png" in seen) == (name in drawn)
        if name in drawn:
            np.testing.assert_array_equal(seen["mask.png"] == 255, drawn[name])


def test_hugging_face_gives_images_masks_objects_and_origins(
    marked: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    out = written(marked, tmp_path / "out", "hf")
    read = datasets.load_dataset("imagefolder", data_dir=str(out), cache_dir=str(tmp_path / "cache"))["train"]
    drawn = masks()
    seen = {Path(row["source"]).stem: row for row in read}
    assert len(seen) == len(marked)
    for row, sample in enumerate(marked.samples):
        name = Path(sample.file).stem
        assert (seen[name]["label"], seen[name]["origin"]) == (sample.label, "real")
        np.testing.assert_array_equal(np.asarray(seen[name]["image"]), marked.read(row))
        expected = [[box.left, box.top, box.right - box.left, box.bottom - box.top] for box in sample.boxes]
        assert seen[name]["objects"] == {"bbox": expected, "category": [sample.label] * len(expected)}
        mask = seen[name]["mask"]
        assert (mask is not None) == (name in drawn)
        if name in drawn:
            np.testing.assert_array_equal(np.asarray(mask) == 255, drawn[name])
