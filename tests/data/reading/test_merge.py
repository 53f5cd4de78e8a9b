"""Labels and folders together: which of them says the class of an image."""

from __future__ import annotations

import pytest

from flawforge.data.reading.load import load

from .listed import labels


@pytest.mark.parametrize("boxes", [("dent", "rust"), ("dent", "dent")])
@pytest.mark.parametrize("folders", [("monday", "tuesday"), ("pictures", "pictures")])
def test_folders_that_sort_by_something_else_are_no_classes(tmp_path, save, save_xml, folders, boxes):
    """Images without a label once made a class of the folder of pictures that they lie in."""
    for i in range(8):
        folder = tmp_path / folders[i % 2]
        save(folder / f"{i}.png", i)
        if i < 6:
            save_xml(folder / f"{i}.xml", (boxes[i // 2 % 2], 1, 1, 9, 9))
    dataset = load(tmp_path)
    assert set(dataset.counts) == set(boxes)
    assert [sample.file for sample in dataset.unlabelled] == [f"{folders[0]}/6.png", f"{folders[1]}/7.png"]


def test_folders_of_which_each_holds_a_class_are_classes(tmp_path, save, save_xml):
    for i in range(8):
        folder = tmp_path / ("dents" if i % 2 else "rusty")
        save(folder / f"{i}.png", i)
        if i < 6:
            save_xml(folder / f"{i}.xml", ("dent" if i % 2 else "rust", 1, 1, 9, 9))
    save(tmp_path / "good" / "9.png", 9)
    found = labels(load(tmp_path))
    assert [found[f"{name}.png"] for name in ("dents/5", "dents/7", "rusty/4", "rusty/6", "good/9")] == [
        "dent",
        "dents",
        "rust",
        "rusty",
        "good",
    ]


@pytest.mark.parametrize("good", ["good", "OK"])
def test_a_folder_called_good_is_good_beside_one_of_several_defects(tmp_path, save, save_xml, good):
    for i in range(8):
        save(tmp_path / "defects" / f"{i}.png", i)
        save(tmp_path / good / f"{i}.png", 10 + i)
        if i < 6:
            save_xml(tmp_path / "defects" / f"{i}.xml", ("dent" if i % 2 else "rust", 1, 1, 9, 9))
    dataset = load(tmp_path)
    assert dataset.counts == {"dent": 3, "rust": 3, good: 8}
    assert [sample.file for sample in dataset.unlabelled] == ["defects/6.png", "defects/7.png"]


def test_a_folder_beside_one_of_several_classes_is_no_class(tmp_path, save, save_xml):
    for i in range(6):
        save(tmp_path / "pictures" / f"{i}.png", i)
        save_xml(tmp_path / "pictures" / f"{i}.xml", ("dent" if i % 2 else "rust", 1, 1, 9, 9))
    save(tmp_path / "more" / "7.png", 7)
    dataset = load(tmp_path)
    assert (dataset.counts, len(dataset.unlabelled)) == ({"dent": 3, "rust": 3}, 1)
