"""YOLO: one kind of row in a file, and no row for what marks nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from flawforge.data.dataset import Dataset
from flawforge.data.writing.convert import convert


def rows(folder: Path) -> dict[str, list[list[str]]]:
    files = (folder / "labels" / "train").iterdir()
    return {path.stem: [line.split() for line in path.read_text().splitlines()] for path in files}


def test_boxes_are_rows_of_five(marked: Dataset, tmp_path: Path) -> None:
    convert(marked, tmp_path / "out", "yolo")
    found = rows(tmp_path / "out")
    assert {len(row) for lines in found.values() for row in lines} == {5}
    assert found["plain"] == found["clean"] == []
    assert found["box"] == [["0", "0.5", "0.5625", "0.875", "0.875"]]
    assert found["border"][0][0] == "1"


def test_outlines_are_rows_of_three_points_or_more_each_part_its_own(marked: Dataset, tmp_path: Path) -> None:
    convert(marked, tmp_path / "out", "yolo-seg")
    found = rows(tmp_path / "out")
    assert all(len(row) >= 9 and len(row) % 2 == 1 for lines in found.values() for row in lines)
    assert {name: len(lines) for name, lines in found.items()} == {
        "ring": 1, "pixel": 1, "border": 1, "parts": 2, "line": 1, "box": 1, "plain": 0, "clean": 0,
    }  # fmt: skip
    assert len(found["pixel"][0]) == 9  # a square of four corners
    shares = [float(value) for lines in found.values() for row in lines for value in row[1:]]
    assert 0 <= min(shares) <= max(shares) <= 1


@pytest.mark.parametrize(("shares", "parts"), [({}, ["train"]), ({"val": 0.3}, ["train", "val"])])
def test_the_settings_name_parts_and_classes(
    shares: dict[str, float], parts: list[str], marked: Dataset, tmp_path: Path
) -> None:
    notes = convert(marked, tmp_path / "out", "yolo", **shares).notes
    text = (tmp_path / "out" / "data.yaml").read_text()
    assert text.startswith("# Written by Flawforge 0.1.0: 0 of 8 images are synthetic.\n")
    values = yaml.safe_load(text)
    assert values == {**{part: f"images/{part}" for part in parts}, "names": {0: "scratch", 1: "spot"}}
    assert any("Ultralytics asks for one" in note for note in notes) == ("val" not in parts)
