"""The layouts of MVTec AD and its successor, and which layout a folder has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from flawforge.data.reading import layouts
from flawforge.data.reading.formats import LABEL_FORMATS
from flawforge.data.reading.layouts import LAYOUTS
from flawforge.data.reading.load import load

from .listed import masks


def mvtec(root, save, seed):
    save(root / "train" / "good" / "000.png", seed)
    save(root / "test" / "good" / "000.png", seed + 1)
    save(root / "test" / "cut" / "000.png", seed + 2)
    save(root / "ground_truth" / "cut" / "000_mask.png", seed + 3)


def test_mvtec_of_one_product(tmp_path, save):
    mvtec(tmp_path, save, 0)
    dataset = load(tmp_path)
    assert (dataset.layout, dataset.counts) == ("mvtec", {"cut": 1, "good": 2})
    assert masks(dataset)["test/cut/000.png"] == "ground_truth/cut/000_mask.png"
    assert masks(dataset)["test/good/000.png"] is None


def test_mvtec_one_folder_deep(tmp_path, save):
    mvtec(tmp_path / "bottle", save, 0)
    assert load(tmp_path).counts == {"cut": 1, "good": 2}
    mvtec(tmp_path / "cable", save, 10)
    dataset = load(tmp_path)
    assert dataset.counts == {"bottle-cut": 1, "bottle-good": 2, "cable-cut": 1, "cable-good": 2}
    assert masks(dataset)["cable/test/cut/000.png"] == "cable/ground_truth/cut/000_mask.png"


@pytest.mark.parametrize("part", ["val", "validation", "Valid"])
def test_a_class_called_good_does_not_lose_the_third_part_of_a_split(tmp_path, save, part):
    """train/good beside test reads like MVTec AD, which has no validation part; all of it was once not read."""
    for i, folder in enumerate(("train", "test", part)):
        save(tmp_path / folder / "good" / "1.png", i)
        save(tmp_path / folder / "scratch" / "1.png", i + 10)
    dataset = load(tmp_path)
    assert dataset.counts == {"good": 3, "scratch": 3}
    assert dataset.notes == (
        f"The folders train, test, {part} were read as one dataset; Flawforge makes its own split.",
    )


def test_mvtec_ad_2(tmp_path, save):
    save(tmp_path / "train" / "good" / "000.png", 0)
    save(tmp_path / "validation" / "good" / "000.png", 1)
    save(tmp_path / "test_public" / "good" / "000.png", 2)
    save(tmp_path / "test_public" / "bad" / "000.png", 3)
    save(tmp_path / "test_public" / "ground_truth" / "bad" / "000_mask.png", 4)
    save(tmp_path / "test_private" / "000.png", 5)  # nobody says which of them are good
    dataset = load(tmp_path)
    assert dataset.counts == {"bad": 1, "good": 3}
    assert masks(dataset)["test_public/bad/000.png"] == "test_public/ground_truth/bad/000_mask.png"
    assert [one.file for one in dataset.broken] == ["test_private/000.png"]


def test_each_layout_has_a_name_of_its_own_and_the_guide_tells_how_it_looks() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "guide" / "inspect.md").read_text(encoding="utf-8")
    known = [*LAYOUTS, *LABEL_FORMATS]
    rows = [f"| {layout.title} | {layout.arrangement} | {layout.classes} |" for layout in known]
    assert len({layout.name for layout in known}) == len(known)
    assert [row for row in rows if row not in guide] == []


def test_a_new_layout_is_one_file_and_one_line(tmp_path, save, monkeypatch):
    """The example of CONTRIBUTING.md, "Adding a layout", as it stands there."""
    text = (Path(__file__).parents[3] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text[text.index("Adding a layout") :]
    example: dict[str, Any] = {}
    exec(re.search(r"```python\n(.*?)```", section, re.DOTALL)[1], example)
    monkeypatch.setattr(layouts, "LAYOUTS", (example["NAMED"], *LAYOUTS))
    for i, name in enumerate(("dent-1", "dent-2", "scratch-1")):
        save(tmp_path / f"{name}.png", i)
    dataset = load(tmp_path)
    assert (dataset.layout, dataset.counts) == ("named", {"dent": 2, "scratch": 1})
    assert layouts.title_of("named") == "class in the file name"
    save(tmp_path / "other.png", 5)
    assert load(tmp_path).layout == "flat"  # not every name says a class: the next layouts are tried
