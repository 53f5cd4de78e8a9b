"""LabelMe: mask shapes with corners that include the last pixel, rectangles for boxes; opened by LabelMe itself."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from flawforge.data.dataset import Dataset
from flawforge.data.writing.convert import convert

from ..conftest import masks


def test_shapes(marked: Dataset, tmp_path: Path) -> None:
    convert(marked, tmp_path / "out", "labelme")
    found = {path.stem: json.loads(path.read_text()) for path in (tmp_path / "out" / "train").glob("*.json")}
    shapes = {name: [(one["shape_type"], one["points"]) for one in whole["shapes"]] for name, whole in found.items()}
    assert shapes["plain"] == []
    assert shapes["box"] == [("rectangle", [[2, 3], [30, 24]])]
    assert shapes["pixel"] == [("mask", [[20, 10], [20, 10]])]
    assert shapes["border"] == [("mask", [[25, 18], [31, 23]])]
    assert found["ring"]["flawforge"]["origin"] == "real"
    assert (found["ring"]["imageHeight"], found["ring"]["imageWidth"], found["ring"]["imagePath"]) == (
        24,
        32,
        "ring.png",
    )


def test_labelme_opens_each_file(marked: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    label_file = pytest.importorskip("labelme._label_file", reason="labelme needs Qt: not in the extra dev")
    convert(marked, tmp_path / "out", "labelme")
    drawn = masks()
    for path in (tmp_path / "out" / "train").glob("*.json"):
        opened = label_file.LabelFile(str(path))
        assert len(opened.shapes) == (path.stem not in ("plain", "clean"))
        for shape in opened.shapes:
            if path.stem in drawn:
                left, top = map(int, shape["points"][0])
                seen = np.zeros_like(drawn[path.stem])
                height, width = np.shape(shape["mask"])
                seen[top : top + height, left : left + width] = shape["mask"]
                np.testing.assert_array_equal(seen, drawn[path.stem])
