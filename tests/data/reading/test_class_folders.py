"""Folders of classes: flat ones, one folder a class, and the parts of a split above them."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

from flawforge.data.reading.load import load
from flawforge.data.sample import Broken

from .listed import labels, masks


def test_a_flat_folder_is_one_class_of_its_own_name(tmp_path, save):
    for i in range(3):
        save(tmp_path / "scratch" / f"{i}.png", i)
    (tmp_path / "scratch" / "notes.txt").write_text("not an image")
    dataset = load(tmp_path / "scratch")
    assert (dataset.layout, dataset.counts, dataset.broken) == ("flat", {"scratch": 3}, ())
    assert [sample.file for sample in dataset.samples] == ["0.png", "1.png", "2.png"]
    np.testing.assert_array_equal(dataset.read(1), np.asarray(Image.open(tmp_path / "scratch" / "1.png")))
    assert load(dataset) is dataset


def test_a_flat_folder_named_by_a_dot(tmp_path, save, monkeypatch):
    save(tmp_path / "dents" / "a.png")
    monkeypatch.chdir(tmp_path / "dents")
    assert load(".").classes == ("dents",)


def test_a_folder_per_class_with_masks_beside_them(tmp_path, save):
    save(tmp_path / "hole" / "1.jpg", 1)
    save(tmp_path / "hole" / "deep" / "2.png", 2)
    save(tmp_path / "good" / "1.png", 3)
    save(tmp_path / "masks" / "hole" / "1.png", 4)
    (tmp_path / "groups.csv").write_text("image,class,group\n")
    dataset = load(tmp_path)
    assert dataset.layout == "classes"
    assert labels(dataset) == {"good/1.png": "good", "hole/1.jpg": "hole", "hole/deep/2.png": "hole"}
    assert masks(dataset) == {"good/1.png": None, "hole/1.jpg": "masks/hole/1.png", "hole/deep/2.png": None}
    assert (dataset.broken, dataset.notes) == ((), ())


def test_folders_that_are_not_told_apart_are_told(tmp_path, save):
    """Good and bad parts of two products once became the classes bottle and cable, without a word."""
    for i, product in enumerate(("bottle", "cable")):
        save(tmp_path / product / "OK" / "1.png", i)
        save(tmp_path / product / "NG" / "1.png", i + 10)
    save(tmp_path / "plug" / "OK" / "1.png", 20)
    dataset = load(tmp_path)
    assert dataset.counts == {"bottle": 2, "cable": 2, "plug": 1}
    assert dataset.notes == (
        "The subfolders NG, OK of bottle, cable are not separate classes: the class of an image is the upper folder. "
        "To separate them, give one of the upper folders as DATA, or move each class into a folder beside the others.",
    )


@pytest.mark.parametrize(
    ("others", "named"),
    [
        (["labels.csv"], "labels.csv"),
        (["a.tsv", "b.csv", "images/c.csv", "d.CSV"], "a.tsv, b.csv, d.CSV, ..."),
        (["annotations/instances_train.json"], "annotations/instances_train.json"),
        (["labels/0.txt", "labels/1.txt", "labels/2.txt"], "3 files named like images (such as labels/0.txt)"),
        (["images/0.json", "images/1.json", "t.csv"], "t.csv, 2 files named like images (such as images/0.json)"),
    ],
)
def test_labels_that_are_not_read_are_told(tmp_path, save, others, named):
    for i in range(3):
        save(tmp_path / "images" / f"{i}.png", i)
    for file in [*others, "README.md", "camera.json", "notes.txt"]:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("x")
    dataset = load(tmp_path)
    assert dataset.counts == {tmp_path.name: 3}
    assert dataset.notes == (
        f"Not read: {named}. If these files hold the classes, move the images of each class into a folder of its "
        f"own; now all images belong to one class, {tmp_path.name}.",
    )


def test_labels_of_a_kind_that_is_not_known_are_told(tmp_path, save):
    """Label Studio's own JSON and VIA's were passed over, and the folder became the class, without a word."""
    for i in range(3):
        save(tmp_path / f"part_{i}.png", i)
    (tmp_path / "project-1.json").write_text('[{"data": {"image": "/data/upload/1/part_2.png"}}]')
    assert [note.split(". ")[0] for note in load(tmp_path).notes] == ["Not read: project-1.json"]


def test_other_files_beside_a_flat_folder_are_no_labels(tmp_path, save):
    for i in range(3):
        save(tmp_path / f"{i}.png", i)
    for file in ("README.md", "camera.json", "notes.txt", "0.txt", "manifest.jsonl"):
        (tmp_path / file).write_text("x")
    assert load(tmp_path).notes == ()


def test_a_wrapping_folder_is_looked_through(tmp_path, save):
    save(tmp_path / "archive" / "v1" / "a" / "1.png", 1)
    save(tmp_path / "archive" / "v1" / "b" / "1.png", 2)
    assert load(tmp_path).counts == {"a": 1, "b": 1}
    shutil.rmtree(tmp_path / "archive" / "v1" / "b")
    assert load(tmp_path).counts == {"a": 1}


def test_train_and_test_above_the_classes_are_put_together(tmp_path, save):
    for i, part in enumerate(("train", "test", "val")):
        save(tmp_path / part / "a" / "1.png", i)
        save(tmp_path / part / "b" / "1.png", i + 10)
    dataset = load(tmp_path)
    assert dataset.counts == {"a": 3, "b": 3}
    assert dataset.notes == ("The folders test, train, val were read as one dataset; Flawforge makes its own split.",)


@pytest.mark.parametrize("stray", ["overview.png", "docs/overview.png"])
def test_what_lies_beside_the_splits_makes_them_no_classes(tmp_path, save, stray):
    """One stray picture once made train, test and val the classes, and mixed good with bad."""
    for i, part in enumerate(("train", "test", "val")):
        save(tmp_path / part / "OK" / "1.png", i)
        save(tmp_path / part / "NG" / "1.png", i + 10)
    save(tmp_path / stray, 20)
    dataset = load(tmp_path)
    assert (dataset.layout, dataset.counts) == ("classes", {"NG": 3, "OK": 3})
    assert dataset.broken == (Broken(stray, "lies beside the folders test, train, val"),)
    assert dataset.notes == ("The folders test, train, val were read as one dataset; Flawforge makes its own split.",)


def test_train_alone_is_a_split_where_it_holds_most_images(tmp_path, save):
    for i in range(3):
        save(tmp_path / "train" / "OK" / f"{i}.png", i)
        save(tmp_path / "train" / "NG" / f"{i}.png", i + 10)
        save(tmp_path / "docs" / f"{i}.png", i + 20)
    dataset = load(tmp_path)
    assert dataset.counts == {"NG": 3, "OK": 3}
    assert dataset.broken[0] == Broken("docs/0.png", "lies beside the folder train")
    for i in range(6):
        save(tmp_path / "docs" / f"more_{i}.png", i + 30)
    assert load(tmp_path).counts == {"docs": 9, "train": 6}


def test_one_folder_with_the_name_of_a_split_is_a_class(tmp_path, save):
    for i in range(3):
        save(tmp_path / "valid" / f"{i}.png", i)
        save(tmp_path / "invalid" / f"{i}.png", i + 10)
    assert load(tmp_path).counts == {"invalid": 3, "valid": 3}


def test_stray_images_are_named(tmp_path, save):
    save(tmp_path / "a" / "1.png", 1)
    save(tmp_path / "b" / "1.png", 2)
    save(tmp_path / "c" / "1.png", 3)
    save(tmp_path / "overview.png", 4)
    dataset = load(tmp_path)
    assert dataset.counts == {"a": 1, "b": 1, "c": 1}
    assert dataset.broken == (Broken("overview.png", "lies beside the class folders, so it has no class"),)


def test_most_images_decide_between_flat_and_classes(tmp_path, save):
    for i in range(5):
        save(tmp_path / f"{i}.png", i)
    save(tmp_path / "old" / "x.png", 9)
    dataset = load(tmp_path)
    assert (dataset.layout, dataset.counts) == ("flat", {tmp_path.name: 5})
    assert dataset.broken == (Broken("old/x.png", "lies in a subfolder, while most images lie directly in the folder"),)


@pytest.mark.parametrize("parts", [("train_images", "test_images"), ("train2017", "val2017"), ("Train", "images-val")])
def test_folders_whose_names_say_which_part_of_a_split_they_are_are_no_classes(tmp_path, save, parts):
    for seed, part in enumerate(parts):
        save(tmp_path / part / "scratch" / "1.png", seed)
        save(tmp_path / part / "good" / "1.png", seed + 10)
    assert load(tmp_path).counts == {"good": 2, "scratch": 2}


def test_folders_that_are_numbered_tests_are_classes(tmp_path, save):
    for seed in range(2):
        save(tmp_path / f"test {seed}" / "1.png", seed)
    assert load(tmp_path).classes == ("test 0", "test 1")
