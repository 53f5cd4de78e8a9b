"""The folders that people have: what comes out of each, images, classes, masks and boxes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from field_folders import FIELD
from flawforge.data.reading.load import load


@dataclass(frozen=True)
class Out:
    """What must come out of a folder; a box around a mask is not counted."""

    counts: dict[str, int]
    masks: int = 0
    boxes: int = 0
    unlabelled: int = 0
    says: tuple[str, ...] = field(default=())


BOTH = {"scratch": 6, "spot": 6}
DRAWN = {"scratch": 8, "spot": 8}
MUST = {
    "kolektor1": Out({"defect": 6, "good": 24}, masks=6, says=("No folder tells classes, so the masks do",)),
    "kolektor2": Out({"defect": 8, "good": 16}, masks=8, says=("No folder tells classes, so the masks do",)),
    "magnetic": Out({"MT_Blowhole": 8, "MT_Crack": 8, "good": 8}, masks=16, says=("'MT_Free' is read as 'good'",)),
    "pairs": Out({"crack": 10}, masks=10),
    "visa": Out({"Anomaly": 6, "Normal": 14}, masks=6),
    "loco": Out({"good": 14, "logical_anomalies": 5, "structural_anomalies": 5}, masks=10),
    "mvtec-several": Out({"good": 10, "hole": 6}, masks=6),
    "yolo-split": Out(DRAWN | {"good": 4}, boxes=16, says=("2 images have no label file",)),
    "yolo-beside": Out(DRAWN | {"good": 4}, boxes=16, says=("2 images have no label file",)),
    "coco": Out(DRAWN | {"good": 4}, boxes=16, masks=16),
    "labelme": Out(DRAWN, masks=16, unlabelled=4, says=("4 images have no label file",)),
    "severstal": Out({"1": 7, "2": 7}, masks=14, unlabelled=6),
    "gc10": Out({"1_hole": 8, "2_hole": 8, "3_hole": 8}, boxes=24),
    "segmentation": Out(BOTH, masks=12),
    "voc-swapped": Out(BOTH, boxes=12, says=("boxes whose corners were in the wrong order",)),
    "voc-comma": Out(BOTH, boxes=12),
    "voc-polygon": Out(BOTH, boxes=12, masks=12),
    "voc-twice-the-size": Out(BOTH, boxes=12, says=("their marks were scaled to the image",)),
    "voc-turned": Out(BOTH, boxes=12, says=("12 images whose marks were turned with them",)),
    "voc-outside": Out(BOTH, says=("12 boxes wholly outside their image",)),
    "voc-labels": Out(BOTH, boxes=12),
    "voc-half-done": Out(
        {"good": 6, "scratch": 3, "spot": 3}, boxes=6, says=("6 images have labels that mark nothing",)
    ),
    "voc-gb2312": Out({"spot": 6, "\u5212\u75d5": 6}, boxes=12),
    "voc-case": Out({"Scratch": 6, "spot": 6}, boxes=12, says=("is also written 'scratch', 'SCRATCH'",)),
    "twelve-bit": Out({"spot": 14}),
    "hot-pixel": Out({"spot": 14}),
    "long": Out({"spot": 14}),
    "jpeg-masks": Out({"spot": 14}, masks=14),
    "small-defect": Out({"dot": 3}, boxes=3),
}


def drawn(name: str, folder: Path) -> Path:
    """Draw a folder once a run of the tests."""
    if not (folder / name).exists():
        FIELD[name](folder / name)
    return folder / name


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("field")


@pytest.mark.parametrize("name", MUST)
def test_what_comes_out(name: str, shelf: Path) -> None:
    dataset = load(drawn(name, shelf))
    must = MUST[name]
    assert dataset.counts == must.counts
    assert len(dataset.unlabelled) == must.unlabelled
    assert sum(any(mark.regions for mark in sample.marks) for sample in dataset.samples) == must.masks
    assert sum(len(sample.boxes) for sample in dataset.samples) in (must.boxes, must.boxes + must.masks)
    assert dataset.broken == ()
    assert [words for words in must.says if not any(words in text for text in dataset.notes)] == []


def test_every_folder_has_a_row() -> None:
    assert MUST.keys() == FIELD.keys()
