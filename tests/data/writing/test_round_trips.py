"""What is written comes back: classes and boxes exactly, masks within what the format can hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from flawforge.core.arrays import Bools
from flawforge.data.dataset import Dataset
from flawforge.data.reading.load import load
from flawforge.data.regions import as_runs
from flawforge.data.sample import Mark
from flawforge.data.writing.convert import convert

from .conftest import HEIGHT, WIDTH, bounds, masks

BOXES = {"yolo": "exact", "coco": "exact", "voc": "exact"}
MASKS = ("yolo-seg", "coco", "labelme", "imagefolder", "mvtec", "hf", "voc")
CLASSES = ("imagefolder", "yolo", "yolo-seg", "coco", "voc", "mvtec", "labelme", "hf")


def by_name(data: Dataset) -> dict[str, int]:
    return {Path(sample.file).stem: row for row, sample in enumerate(data.samples)}


@pytest.mark.parametrize("format", CLASSES)
def test_classes_and_pixels_come_back(format: str, marked: Dataset, tmp_path: Path) -> None:
    convert(marked, tmp_path / "out", format)
    back = load(tmp_path / "out")
    assert back.counts == marked.counts
    rows, before = by_name(back), by_name(marked)
    assert rows.keys() == before.keys()
    for name, row in rows.items():
        assert back.samples[row].sha256 == marked.samples[before[name]].sha256
        assert back.samples[row].label == marked.samples[before[name]].label


@pytest.mark.parametrize("format", BOXES)
def test_boxes_come_back_exactly(format: str, marked: Dataset, tmp_path: Path) -> None:
    convert(marked, tmp_path / "out", format)
    back = load(tmp_path / "out")
    before = by_name(marked)
    assert sum(len(sample.boxes) for sample in back.samples) == 6
    for name, row in by_name(back).items():
        assert back.samples[row].boxes == marked.samples[before[name]].boxes


@pytest.mark.parametrize("format", MASKS)
def test_masks_come_back_exactly(format: str, marked: Dataset, tmp_path: Path) -> None:
    convert(marked, tmp_path / "out", format)
    back = load(tmp_path / "out")
    rows = by_name(back)
    for name, mask in masks().items():
        assert back.samples[rows[name]].mask is not None
        np.testing.assert_array_equal(back.mask(rows[name]), mask, err_msg=name)
    assert not back.mask(rows["plain"]).any()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(drawn=st.lists(arrays(bool, (HEIGHT, WIDTH), elements=st.booleans()), min_size=1, max_size=2))
@pytest.mark.parametrize("format", ["yolo-seg", "coco", "labelme"])
def test_masks_of_any_shape_come_back(
    format: str, drawn: list[Bools], tmp_path_factory: pytest.TempPathFactory, save: Callable[..., Path]
) -> None:
    root = tmp_path_factory.mktemp("any")
    save(root / "in" / "dent" / "0.png", 0, HEIGHT, WIDTH)
    save(root / "in" / "good" / "1.png", 1, HEIGHT, WIDTH)
    data = load(root / "in")
    marks = tuple(Mark("dent", bounds(mask), (as_runs(mask),)) for mask in drawn if mask.any())
    if not marks:
        return
    data = replace(data, samples=(replace(data.samples[0], marks=marks), data.samples[1]))
    convert(data, root / "out", format)
    back = load(root / "out")
    np.testing.assert_array_equal(back.mask(by_name(back)["0"]), np.any(drawn, axis=0))
