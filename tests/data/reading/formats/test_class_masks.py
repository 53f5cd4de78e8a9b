"""Masks whose values are classes: the lists that name them, palettes and colours, and what is damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from damaged import damaged
from flawforge.data.dataset import Dataset
from flawforge.data.reading.file_tree import walk
from flawforge.data.reading.formats.class_masks import class_masks
from flawforge.data.reading.load import load
from flawforge.data.reading.masks.find import find_masks
from flawforge.data.reading_choices import ReadingChoices
from flawforge.data.sample import Broken

from ..listed import labels

CVAT = "# label:color_rgb:parts:actions\nbackground:0,0,0::\nscratch:250,50,83::\nspot:51,221,255::\n"
COLOURS = [(0, 0, 0), (250, 50, 83), (51, 221, 255)]


def numbered(*values: int) -> np.ndarray:
    """Return a mask of 24x32 with a column for each value."""
    mask = np.zeros((24, 32), np.uint8)
    mask[3, : len(values)] = values
    return mask


@pytest.fixture
def beside(tmp_path: Path, save: Callable[..., Path]) -> Callable[..., Path]:
    """Write images a.png, b.png, ... and a mask for each that is not None, with a list of classes."""

    def write(*masks: np.ndarray | None, names: str, list_of: str, colour: str = "") -> Path:
        (tmp_path / "SegmentationClass").mkdir(exist_ok=True)
        for i, mask in enumerate(masks):
            save(tmp_path / "JPEGImages" / f"{'abcdefgh'[i]}.png", i)
            if mask is not None:
                picture = Image.fromarray(mask)
                if colour == "P":
                    picture = picture.convert("P")
                    picture.putpalette([shade for one in COLOURS for shade in one] + [0] * 759)
                elif colour == "RGB":
                    picture = Image.fromarray(np.array(COLOURS, np.uint8)[mask])
                picture.save(tmp_path / "SegmentationClass" / f"{'abcdefgh'[i]}.png")
        (tmp_path / list_of).write_text(names)
        return tmp_path

    return write


def marked(dataset: Dataset, label: str) -> list[int]:
    """Return the number of pixels that are marked as a class in each image."""
    return [
        sum(dataset.mask(row, label).sum() for mark in sample.marks if mark.label == label)
        for row, sample in enumerate(dataset.samples)
    ]


@pytest.mark.parametrize(
    ("names", "list_of", "colour"),
    [
        ("_background_\nscratch\nspot\n", "class_names.txt", ""),
        ("_background_\nscratch\nspot\n", "class_names.txt", "P"),
        ("__ignore__\n_background_\nscratch\nspot\n", "class_names.txt", ""),
        ("scratch\nspot", "class_names.txt", ""),
        (CVAT, "labelmap.txt", ""),
        (CVAT, "labelmap.txt", "P"),
        (CVAT, "labelmap.txt", "RGB"),
        ("Pixel Value, Class\n0, background\n1, scratch\n2, spot\n", "_classes.csv", ""),
    ],
)
def test_lists_of_classes(beside, names, list_of, colour):
    folder = beside(
        numbered(1), numbered(1, 2, 2), numbered(), None, numbered(2), names=names, list_of=list_of, colour=colour
    )
    dataset = load(folder)
    assert (dataset.layout, dataset.broken) == ("class-masks", ())
    assert {Path(file).stem: label for file, label in labels(dataset).items()} == {
        "a": "scratch", "b": "spot", "c": "good", "e": "spot",
    }  # fmt: skip
    assert [Path(sample.file).stem for sample in dataset.unlabelled] == ["d"]
    assert marked(dataset, "spot") == [0, 0, 2, 1]
    assert marked(dataset, "scratch") == [0, 1, 1, 0]
    assert [note.split(" (")[0] for note in dataset.notes] == [
        "1 image has labels that mark nothing", "1 image has no label file",
    ]  # fmt: skip
    assert load(folder, ReadingChoices(unmarked="unlabelled")).counts == {"scratch": 1, "spot": 2}


def test_a_value_that_has_no_name_is_told_and_the_border_is_none(beside):
    dataset = load(beside(numbered(1, 7, 255), names="_background_\nscratch\n", list_of="class_names.txt"))
    assert marked(dataset, "scratch") == [1]
    assert dataset.notes == (
        "Once: values in masks that the list of classes does not name were left out (SegmentationClass/a.png: 7).",
    )


@pytest.mark.parametrize(
    ("list_of", "names", "why"),
    [
        ("labelmap.txt", "scratch:250,50\n", "has no 'name:red,green,blue' in line 1"),
        ("labelmap.txt", "scratch:250,50,830::\n", "has no 'name:red,green,blue' in line 1"),
        ("labelmap.txt", "# nothing\n", "names no class"),
        ("class_names.txt", "\n", "names no class"),
        ("_classes.csv", "Pixel Value, Class\none, scratch\n", "has no 'value, class' in line 2"),
        ("_classes.csv", "Pixel Value, Class\n", "names no class"),
    ],
)
def test_a_damaged_list_leaves_the_images_without_labels(beside, list_of, names, why):
    folder = beside(numbered(1), names=names, list_of=list_of)
    found = class_masks(folder, _tree(folder))
    assert found is not None
    assert found.broken == [Broken(list_of, f"{why}; so the classes of the masks are not known")]
    assert [image.marks for image in found.images.values()] == [()]


def test_a_mask_that_cannot_be_read_leaves_its_image_without_a_class(beside):
    folder = beside(numbered(1), numbered(1), numbered(1), names=CVAT, list_of="labelmap.txt")
    (folder / "SegmentationClass" / "b.png").write_bytes(b"\x89PNG\r\n\x1a\nand no more")
    dataset = load(folder)
    assert dataset.counts == {"scratch": 2}
    assert [Path(sample.file).stem for sample in dataset.unlabelled] == ["b"]
    assert [one.file for one in dataset.broken] == ["SegmentationClass/b.png"]


def test_each_part_of_a_split_has_its_own_list(tmp_path, save):
    """Roboflow numbers the classes of each export, and puts the masks beside the images."""
    for seed, (part, name) in enumerate((("train", "scratch"), ("valid", "spot"))):
        save(tmp_path / part / "x_jpg.rf.0123456789abcdef.jpg", seed)
        Image.fromarray(numbered(1)).save(tmp_path / part / "x_jpg.rf.0123456789abcdef_mask.png")
        (tmp_path / part / "_classes.csv").write_text(f"Pixel Value, Class\n0, background\n1, {name}\n")
    dataset = load(tmp_path)
    assert dataset.counts == {"scratch": 1, "spot": 1}
    assert not [note for note in dataset.notes if "Not read" in note]


def test_a_folder_for_each_image_as_labelme_exports_a_single_one(tmp_path, save):
    for seed, name in enumerate(("scratch", "spot")):
        folder = tmp_path / f"i{seed}_json"
        save(folder / "img.png", seed)
        Image.fromarray(numbered(1)).save(folder / "label.png")
        save(folder / "label_viz.png", seed + 5)
        (folder / "label_names.txt").write_text(f"_background_\n{name}\n")
    assert labels(load(tmp_path)) == {"i0_json/img.png": "scratch", "i1_json/img.png": "spot"}


def test_masks_without_a_list_are_masks(beside):
    folder = beside(numbered(1), numbered(2), names="", list_of="readme.txt")
    assert class_masks(folder, _tree(folder)) is None
    dataset = load(folder)
    assert [dataset.mask(row).sum() for row in range(2)] == [1, 1]


def _tree(folder: Path):
    tree = walk(folder)
    found = find_masks(folder, tree)
    tree.images, tree.masks = [file for file in tree.images if file not in found.files], found.of
    return tree


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(st.from_regex(r"[a-z][a-z_]{2,8}", fullmatch=True), min_size=1, max_size=5, unique=True),
    values=st.lists(st.integers(0, 4), max_size=12),
)
def test_what_is_written_is_read(beside, names, values):
    values = [value for value in values if value <= len(names)]
    folder = beside(numbered(*values), names="\n".join(["_background_", *names]), list_of="class_names.txt")
    (image,) = class_masks(folder, _tree(folder)).images.values()
    found = {mark.label: mark.regions[0].values for mark in image.marks}
    assert found == {names[value - 1]: (value,) for value in values if value}


@pytest.mark.nightly
@pytest.mark.parametrize("file", ["labelmap.txt", "SegmentationClass/a.png"])
def test_damaged_bytes_end_in_a_reading(beside, file):
    folder = beside(numbered(1), numbered(2), names=CVAT, list_of="labelmap.txt", colour="P")
    tree = _tree(folder)
    for _ in damaged(folder / file):
        found = class_masks(folder, tree)
        assert found is not None
        assert len(found.images) == 2
