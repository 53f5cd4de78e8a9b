"""The sets that are arranged like MVTec AD, and VisA, as they are published."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from field_folders import FIELD, keep, surface
from flawforge.data.dataset import Dataset
from flawforge.data.reading.load import load


def masked(dataset: Dataset) -> dict[str, int]:
    """Return how many images of each class have a mask that marks something."""
    found = dict.fromkeys(dataset.classes, 0)
    for sample in dataset.samples:
        found[sample.label] += any(mark.regions for mark in sample.marks)
    return found


@pytest.mark.parametrize("ending", ["png", "bmp"])
def test_btad(tmp_path: Path, ending: str) -> None:
    for product in ("01", "02"):
        for number in range(6):
            pixels, mask = surface(number, "spot" if number > 3 else "")
            folder = "train/ok" if number < 2 else "test/ok" if number < 4 else "test/ko"
            keep(pixels, tmp_path / product / folder / f"{number:04}.bmp")
            if number > 3:
                keep(mask, tmp_path / product / "ground_truth" / "ko" / f"{number:04}.{ending}")
    dataset = load(tmp_path)
    assert (dataset.layout, dataset.broken) == ("mvtec", ())
    assert dataset.counts == {"01-ko": 2, "01-ok": 4, "02-ko": 2, "02-ok": 4}
    assert masked(dataset) == {"01-ko": 2, "01-ok": 0, "02-ko": 2, "02-ok": 0}
    assert load(tmp_path / "01").counts == {"ko": 2, "ok": 4}


def test_mvtec_3d_without_its_heights(tmp_path: Path) -> None:
    heights = np.zeros((8, 8), np.float32)
    for number in range(6):
        pixels, mask = surface(number, "spot" if number > 3 else "")
        folder = tmp_path / ("train/good" if number < 2 else "test/good" if number < 4 else "test/hole")
        keep(np.dstack([pixels] * 3), folder / "rgb" / f"{number:03}.png")
        (folder / "xyz").mkdir(parents=True, exist_ok=True)
        Image.fromarray(heights).save(folder / "xyz" / f"{number:03}.tiff")
        if number >= 2:
            keep(mask, folder / "gt" / f"{number:03}.png")
    dataset = load(tmp_path)
    assert (dataset.layout, dataset.counts, dataset.broken) == ("mvtec", {"good": 4, "hole": 2}, ())
    assert masked(dataset) == {"good": 0, "hole": 2}
    assert "Not read: 6 files in folders xyz, which hold heights and no pictures." in dataset.notes


def test_what_lies_beside_the_products_is_told(tmp_path: Path) -> None:
    FIELD["mvtec-several"](tmp_path)
    keep(surface(90)[0], tmp_path / "overview" / "a.png")
    keep(surface(91)[0], tmp_path / "nut" / "test" / "a.png")
    assert [note for note in load(tmp_path).notes if note.startswith("Not read")] == [
        "Not read, because the layout 'mvtec' has no place for it: 1 image in nut/test.",
        "Not read, because the layout 'mvtec' has no place for it: 1 image in overview.",
    ]


def test_visa_of_several_products(tmp_path: Path) -> None:
    FIELD["visa"](tmp_path)
    for number in range(4):
        keep(surface(number)[0], tmp_path / "pcb1" / "Data" / "Images" / "Normal" / f"{number:04}.JPG")
    keep(surface(5)[0], tmp_path / "pcb1" / "overview.png")
    dataset = load(tmp_path)
    assert dataset.layout == "visa"
    assert dataset.counts == {"candle-Anomaly": 6, "candle-Normal": 14, "pcb1-Normal": 4}
    assert masked(dataset)["candle-Anomaly"] == 6
    assert dataset.notes == ("Not read, because the layout 'visa' has no place for it: 1 image in pcb1.",)


def test_the_parts_of_a_mask_cover_it_together(tmp_path: Path) -> None:
    FIELD["loco"](tmp_path)
    dataset = load(tmp_path)
    rows = [row for row, sample in enumerate(dataset.samples) if sample.label == "logical_anomalies"]
    for row in rows:
        number = int(Path(dataset.samples[row].file).stem)
        np.testing.assert_array_equal(dataset.mask(row), surface(600 + number, "spot")[1])


def test_ok_beside_other_classes_is_a_class(tmp_path: Path) -> None:
    for place, folder in enumerate(("train/ok", "train/ng", "test/ok", "test/ng")):
        keep(surface(place)[0], tmp_path / folder / "1.png")
    dataset = load(tmp_path)
    assert (dataset.layout, dataset.counts) == ("classes", {"ng": 2, "ok": 2})
