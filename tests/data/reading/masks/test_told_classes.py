"""Classes that only the masks tell, and those that folders and labels keep."""

from __future__ import annotations

from pathlib import Path

import pytest

from field_folders import keep, surface
from flawforge.data.dataset import Dataset
from flawforge.data.reading.load import load
from flawforge.data.reading_choices import ReadingChoices


def parts(root: Path, folders: dict[str, tuple[int, int, int]]) -> Path:
    """Write folders of so many images whose masks mark something, whose masks do not, and without a mask."""
    seed = 0
    for folder, counts in folders.items():
        for kind, count in enumerate(counts):
            for _ in range(count):
                pixels, mask = surface(seed, "" if kind else "spot")
                keep(pixels, root / folder / f"{seed}.jpg")
                if kind < 2:
                    keep(mask, root / folder / f"{seed}_mask.png")
                seed += 1
    return root


def read(root: Path, folders: dict[str, tuple[int, int, int]], **choices: object) -> Dataset:
    return load(parts(root, folders), ReadingChoices(**choices))


@pytest.mark.parametrize(
    "folders",
    [
        {"": (2, 6, 0)},
        {"train": (1, 4, 0), "test": (1, 2, 0)},
        {"kos01": (1, 2, 0), "kos02": (1, 4, 0)},
        {"cam1": (2, 1, 0), "cam2": (0, 5, 0)},  # names that differ in numbers alone
        {"bottle": (1, 3, 0), "cable": (1, 3, 0)},  # no folder of mostly marked images
    ],
)
def test_folders_that_are_parts_leave_the_classes_to_the_masks(tmp_path, folders):
    dataset = read(tmp_path, folders)
    assert dataset.counts == {"defect": 2, "good": 6}
    assert {sample.label_source for sample in dataset.samples} == {"mask"}
    assert dataset.notes[-1] == (
        "No folder tells classes, so the masks do: 'defect' where one marks something (2 images), else 'good' (6)."
    )


@pytest.mark.parametrize(
    ("folders", "counts"),
    [
        ({"good": (0, 4, 0), "hole": (4, 0, 0)}, {"good": 4, "hole": 4}),
        ({"good": (0, 4, 0), "hole": (3, 1, 0)}, {"good": 4, "hole": 4}),  # one of its masks is not drawn yet
        ({"0": (0, 4, 0), "1": (4, 0, 0)}, {"0": 4, "1": 4}),
        ({"hole": (4, 0, 0)}, {"hole": 4}),
        ({"a": (0, 4, 0), "b": (0, 4, 0)}, {"a": 4, "b": 4}),
        ({"good": (0, 0, 4), "hole": (4, 0, 0)}, {"good": 4, "hole": 4}),
    ],
)
def test_class_folders_stay_classes(tmp_path, folders, counts):
    dataset = read(tmp_path, folders)
    assert dataset.counts == counts
    assert dataset.notes == ()


def test_images_without_a_mask_are_good_only_where_that_is_said(tmp_path):
    dataset = read(tmp_path / "set", {"": (3, 0, 5)})
    assert dataset.counts == {"set": 8}
    assert dataset.notes == (
        "5 of 8 images have no mask, and no folder says what they are. If nothing is wrong with them, --unmarked good "
        "reads them as 'good' and the others as 'defect'.",
    )
    assert load(tmp_path / "set", ReadingChoices(unmarked="good")).counts == {"defect": 3, "good": 5}


def test_images_whose_masks_are_empty_are_left_out_where_that_is_said(tmp_path):
    dataset = read(tmp_path, {"": (3, 5, 0)}, unmarked="unlabelled")
    assert dataset.counts == {"defect": 3}
    assert {sample.label_source for sample in dataset.unlabelled} == {"its mask marks nothing"}
    assert dataset.notes[-1].endswith("else not labelled (5).")


def test_an_image_whose_mask_cannot_be_read_is_never_good(tmp_path):
    parts(tmp_path, {"": (2, 3, 0)})
    (tmp_path / "4_mask.png").write_bytes(b"\x89PNG\r\n\x1a\nand no more")
    dataset = load(tmp_path)
    assert dataset.counts == {"defect": 2, "good": 2}
    assert [(sample.file, sample.label_source) for sample in dataset.unlabelled] == [
        ("4.jpg", "its mask 4_mask.png cannot be used")
    ]
    assert [one.file for one in dataset.broken] == ["4_mask.png"]


def test_free_of_defects_is_good(tmp_path):
    dataset = read(tmp_path, {"MT_Free": (0, 3, 0), "MT_Crack": (3, 0, 0)})
    assert dataset.counts == {"MT_Crack": 3, "good": 3}
    assert dataset.notes == ("The class 'MT_Free' is read as 'good': nothing is marked in its images.",)


def test_free_keeps_its_name_where_no_class_is_marked(tmp_path):
    """A class called free in plain class folders was once renamed, for no mask that there could be."""
    dataset = read(tmp_path, {"free": (0, 0, 3), "crack": (0, 0, 3)})
    assert (dataset.counts, dataset.notes) == ({"crack": 3, "free": 3}, ())


def test_free_with_marks_is_a_class_of_its_own(tmp_path):
    assert read(tmp_path, {"free": (3, 0, 0), "Crack": (3, 0, 0)}).counts == {"Crack": 3, "free": 3}


def test_the_classes_of_labels_stay(tmp_path, save_xml):
    parts(tmp_path, {"": (2, 3, 0)})
    for number in range(5):
        save_xml(tmp_path / f"{number}.xml", ("pit", 1, 1, 5, 5))
    assert load(tmp_path).counts == {"pit": 5}
