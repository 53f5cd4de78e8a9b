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


def test_two_tools_are_read_together(tmp_path, save, save_xml):
    """Each labelled a third; neither spoke of half, so the folders of two lines became classes."""
    (tmp_path / "line1").mkdir()
    for i in range(4):
        save(tmp_path / "line1" / f"a{i}.png", i)
        (tmp_path / "line1" / f"a{i}.txt").write_text("0 0.5 0.5 0.2 0.2\n")
        save(tmp_path / "line2" / f"b{i}.png", 10 + i)
        save_xml(tmp_path / "line2" / f"b{i}.xml", ("dent", 1, 1, 9, 9))
        save(tmp_path / "good" / f"g{i}.png", 20 + i)
    (tmp_path / "classes.txt").write_text("scratch\n")
    dataset = load(tmp_path)
    assert dataset.counts == {"dent": 4, "good": 4, "scratch": 4}
    assert {sample.label_source for sample in dataset.samples} == {
        *(f"line1/a{i}.txt" for i in range(4)),
        *(f"line2/b{i}.xml" for i in range(4)),
        "folder",
    }
    assert not [note for note in dataset.notes if "disagree" in note]


@pytest.mark.parametrize("name", ["unlabeled", "Unlabelled", "NaN"])
def test_a_class_that_says_that_there_is_none_is_none(tmp_path, save, name):
    for i in range(3):
        save(tmp_path / "dent" / f"{i}.png", i)
        save(tmp_path / name / f"{i}.png", 10 + i)
    dataset = load(tmp_path)
    assert dataset.counts == {"dent": 3}
    assert {sample.label_source for sample in dataset.unlabelled} == {f"its class is called {name!r}"}
    assert load(tmp_path / name).counts == {name: 3}
