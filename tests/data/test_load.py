from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flawforge.core.errors import DataNotFoundError, DataUnusableError, ExtraMissingError
from flawforge.core.progress import Progress, Task
from flawforge.data import elpv
from flawforge.data.dataset import Box, Broken
from flawforge.data.load import load, place_again


def labels(dataset):
    return {sample.file: sample.label for sample in dataset.samples}


def masks(dataset):
    return {sample.file: sample.mask for sample in dataset.samples}


# layouts


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
        "The folders NG, OK below bottle, cable are not told apart: the class of an image is the upper folder. To "
        "learn them apart, give one of the upper folders as DATA, or make a folder of each class beside the others.",
    )


@pytest.mark.parametrize(
    ("others", "named"),
    [
        (["labels.csv"], "labels.csv"),
        (["a.tsv", "b.csv", "images/c.csv", "d.CSV"], "a.tsv, b.csv, d.CSV, ..."),
        (["annotations/instances_train.json"], "annotations/instances_train.json"),
        (["labels/0.txt", "labels/1.txt", "labels/2.txt"], "3 files with the names of images (as labels/0.txt)"),
        (["images/0.json", "images/1.json", "t.csv"], "t.csv, 2 files with the names of images (as images/0.json)"),
    ],
)
def test_labels_that_are_not_read_are_told(tmp_path, save, others, named):
    for i in range(3):
        save(tmp_path / "images" / f"{i}.png", i)
    for file in [*others, "README.md", "camera.json", "notes.txt"]:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("x")
    dataset = load(tmp_path)
    assert dataset.counts == {"images": 3}
    assert dataset.notes == (
        f"Not read: {named}. If the classes stand there, put the images of each into a folder of its own; here all "
        f"are one class, images.",
    )


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
    assert dataset.notes == ("The folders test, train, val were put together; the split proposed here is made anew.",)


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
    assert dataset.notes == ("The folders test, train, val were put together; the split proposed here is made anew.",)


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
    assert dataset.broken == (
        Broken("old/x.png", "lies in a folder below, while most images have no folder of their class"),
    )


def test_voc_takes_the_class_from_the_file_s_name_else_from_most_boxes(tmp_path, save, save_xml):
    boxes = {
        "rust_1": [("dent", 1, 1, 5, 6), ("dent", 2, 2, 5, 6), ("rust", 3, 3, 9, 9)],
        "IMG_77": [("dent", 1, 1, 5, 6), ("rust", 1, 1, 2, 2), ("rust", 3, 3, 9, 9)],
        "clean_1": [],
    }
    for seed, (stem, found) in enumerate(boxes.items()):
        save(tmp_path / "JPEGImages" / f"{stem}.jpg", seed)
        save_xml(tmp_path / "Annotations" / f"{stem}.xml", *found)
    save(tmp_path / "JPEGImages" / "dent_9.jpg", 9)  # no annotation
    save(tmp_path / "masks" / "rust_1.png", 10)
    save(tmp_path / "SegmentationClass" / "rust_1.png", 11)
    dataset = load(tmp_path)
    assert dataset.layout == "voc"
    assert labels(dataset) == {
        "JPEGImages/clean_1.jpg": "background",
        "JPEGImages/dent_9.jpg": "dent",
        "JPEGImages/IMG_77.jpg": "rust",
        "JPEGImages/rust_1.jpg": "rust",
    }
    assert [Path(sample.file).stem for sample in dataset.samples] == ["clean_1", "dent_9", "IMG_77", "rust_1"]
    rust = next(sample for sample in dataset.samples if sample.file.endswith("rust_1.jpg"))
    assert rust.boxes[0] == Box("dent", left=0, top=0, right=5, bottom=6)
    assert rust.mask == "masks/rust_1.png"
    assert dataset.notes == ("Not read, as no part of the layout 'voc': 1 image in SegmentationClass.",)


def test_an_annotation_without_its_image_still_tells_a_class(tmp_path, save, save_xml):
    save(tmp_path / "images" / "dent_1.jpg", 1)
    save(tmp_path / "images" / "rust_1.jpg", 2)
    save_xml(tmp_path / "annotations" / "rust_1.xml", ("rust", 1, 1, 5, 6))
    save_xml(tmp_path / "annotations" / "lost.xml", ("dent", 1, 1, 5, 6))
    assert load(tmp_path).counts == {"dent": 1, "rust": 1}


def test_voc_in_train_and_validation_with_class_folders(tmp_path, save, save_xml):
    for i, part in enumerate(("train", "validation")):
        save(tmp_path / part / "images" / "dent" / "dent_1.jpg", i)
        save_xml(tmp_path / part / "annotations" / "dent_1.xml", ("dent", 1, 1, 5 + i, 5))
    dataset = load(tmp_path)
    assert [sample.boxes[0].right for sample in dataset.samples] == [5, 6]


def test_xml_beside_each_image(tmp_path, save, save_xml):
    save(tmp_path / "a.png", 1)
    save_xml(tmp_path / "a.xml", ("dent", 1, 1, 5, 5))
    assert labels(load(tmp_path)) == {"a.png": "dent"}


@pytest.mark.parametrize("content", ["<ImageMetadata><Gain>2</Gain></ImageMetadata>", "<x/>", ""])
def test_xml_of_cameras_and_microscopes_is_no_annotation(tmp_path, save, content):
    """Metadata beside each image once made all of them background."""
    for i in range(3):
        for label in ("scratch", "pit"):
            save(tmp_path / label / f"{i}.tif", i + 10 * (label == "pit"))
            (tmp_path / label / f"{i}.xml").write_text(content)
    (tmp_path / "scratch" / "0.xml").write_bytes('<?xml version="1.0"?><Info/>'.encode("utf-16"))
    dataset = load(tmp_path)
    assert (dataset.layout, dataset.counts, dataset.broken) == ("classes", {"pit": 3, "scratch": 3}, ())


def test_images_without_xml_beside_images_with_it_keep_their_folder_s_class(tmp_path, save, save_xml):
    for i in range(3):
        save(tmp_path / "scratch" / f"s{i}.png", i)
        save_xml(tmp_path / "scratch" / f"s{i}.xml", ("Kratzer", 1, 1, 5, 5))
    save(tmp_path / "good" / "g.png", 10)
    save(tmp_path / "scratch" / "new.png", 11)
    save(tmp_path / "masks" / "scratch" / "s0.png", 12)
    dataset = load(tmp_path)
    assert (dataset.layout, dataset.broken) == ("voc", ())
    assert dataset.counts == {"Kratzer": 3, "good": 1, "scratch": 1}
    assert masks(dataset)["scratch/s0.png"] == "masks/scratch/s0.png"
    assert dataset.notes == (
        "2 images have no annotation (XML) while the others have one: their class is that of their folder.",
    )


def test_a_few_annotations_beside_images_do_not_change_the_classes(tmp_path, save, save_xml):
    for i in range(4):
        save(tmp_path / "scratch" / f"s{i}.png", i)
        save(tmp_path / "good" / f"g{i}.png", i + 10)
    save_xml(tmp_path / "scratch" / "s1.xml", ("Kratzer", 1, 1, 5, 5))
    (tmp_path / "scratch" / "s2.xml").write_text("<annotation><object>")
    save_xml(tmp_path / "scratch" / "s9.xml", ("Kratzer", 1, 1, 5, 5))
    dataset = load(tmp_path)
    assert (dataset.layout, dataset.counts) == ("classes", {"good": 4, "scratch": 4})
    assert {s.file: s.boxes for s in dataset.samples if s.boxes} == {"scratch/s1.png": (Box("Kratzer", 0, 0, 5, 5),)}
    assert [one.file for one in dataset.broken] == ["scratch/s2.xml", "scratch/s9.xml"]
    assert dataset.notes == (
        "Only 2 of 8 images have an annotation (XML) beside them: their boxes were read, and the class of each image "
        "is that of its folder.",
    )


def test_images_without_xml_in_a_flat_folder_are_read_as_in_pascal_voc(tmp_path, save, save_xml):
    for i in range(3):
        save(tmp_path / f"dent_{i}.png", i)
        save_xml(tmp_path / f"dent_{i}.xml", ("dent", 1, 1, 5, 5))
    save(tmp_path / "dent_9.png", 9)
    save(tmp_path / "surface.png", 10)
    save(tmp_path / "drawn" / "dent_0.png", 11)
    dataset = load(tmp_path)
    assert dataset.counts == {"background": 1, "dent": 4}
    assert dataset.notes == (
        "2 images have no annotation (XML) while the others have one: their class is that in their name, else "
        "'background'.",
        "Not read, as no part of the layout 'voc': 1 image in drawn.",
    )


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("<annotation>", "is no XML: no element found: line 1, column 12"),
        ('<!DOCTYPE a [<!ENTITY b "b">]><a>&b;</a>', "declares XML entities, which no annotation needs"),
        ("<a><object><name>x</name></object></a>", "object 1 has no box of four numbers"),
    ],
)
def test_damaged_annotations_are_named_and_the_image_goes_on(tmp_path, save, save_xml, content, why):
    for i in (1, 2):
        save(tmp_path / "images" / f"dent_{i}.jpg", i)
        save_xml(tmp_path / "annotations" / f"dent_{i}.xml", ("dent", 1, 1, 5, 5))
    (tmp_path / "annotations" / "dent_2.xml").write_text(content)
    save_xml(tmp_path / "annotations" / "dent_3.xml", ("dent", 1, 1, 5, 5))
    dataset = load(tmp_path)
    assert dataset.counts == {"dent": 2}
    assert dataset.broken == (
        Broken("annotations/dent_2.xml", f"annotation of dent_2: {why}"),
        Broken("annotations/dent_3.xml", "is an annotation without an image of the same name"),
    )


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
        f"The folders train, test, {part} were put together; the split proposed here is made anew.",
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


def test_elpv_where_it_is_installed():
    pytest.importorskip("elpv_dataset", reason="the extra 'elpv' is not installed")
    dataset = load("elpv")
    assert dataset.counts == {"defective": 715, "good": 1508, "likely-defective": 106, "likely-good": 295}
    assert {(sample.width, sample.height, sample.mode) for sample in dataset.samples} == {(300, 300, "L")}


def test_elpv_where_it_is_not(monkeypatch):
    monkeypatch.setattr(elpv, "find_spec", lambda _: None)
    with pytest.raises(ExtraMissingError) as caught:
        load("elpv")
    assert str(caught.value) == (
        "The data set elpv needs the extra 'elpv', which is not installed. Install it with: "
        "pip install 'flawforge[elpv]'"
    )


def test_elpv_with_a_damaged_list(tmp_path):
    (tmp_path / "labels.csv").write_text("images/a.png   0.3333  mono\nimages/b.png\n")
    with pytest.raises(DataUnusableError, match=r"line 2 of .*labels.csv is not 'file probability kind'"):
        elpv.elpv_plan(tmp_path)


# real images


def test_neu_det(real_data):
    dataset = load(real_data("neu-det"))
    assert dataset.layout == "voc"
    assert set(dataset.counts.values()) == {300}
    assert len(dataset.classes) == 6
    assert sum(len(sample.boxes) for sample in dataset.samples) == 4189
    other = [sum(box.label != sample.label for box in sample.boxes) for sample in dataset.samples]
    assert (sum(other), sum(count > 0 for count in other)) == (188, 123)
    assert sum(sample.mask is not None for sample in dataset.samples) == 900
    assert (dataset.channels, dataset.broken) == (1, ())
    assert dataset.duplicates == (("images/patches_101.jpg", "images/patches_105.jpg"),)


def test_magnetic_tile(real_data):
    dataset = load(real_data("magnetic-tile"))
    assert dataset.counts == {"blowhole": 115, "break": 85, "crack": 57, "fray": 32, "good": 485, "uneven": 103}
    assert sum(sample.mask is not None for sample in dataset.samples) == 392
    assert (min(s.width for s in dataset.samples), max(s.width for s in dataset.samples)) == (105, 632)
    assert (dataset.layout, dataset.broken) == ("classes", ())


# what is passed over


def test_broken_files_are_named_and_the_rest_goes_on(tmp_path, save):
    save(tmp_path / "good.PNG", 1)
    save(tmp_path / "Kratzer_ü_傷.png", 2)
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.tif").write_text("hello")
    (tmp_path / "cut.png").write_bytes((tmp_path / "good.PNG").read_bytes()[:300])
    (tmp_path / "lost.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (tmp_path / "self.jpg").symlink_to("self.jpg")
    os.mkfifo(tmp_path / "pipe.png")
    for name in (".DS_Store", "Thumbs.db", "._good.png", ".hidden.png"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "__MACOSX" / "x.png").write_bytes(b"x")
    dataset = load(tmp_path)
    assert [sample.file for sample in dataset.samples] == ["Kratzer_ü_傷.png", "good.PNG"]
    assert dataset.broken == (
        Broken("cut.png", "is cut short: the end of the picture is missing"),
        Broken("empty.png", "is empty (0 bytes)"),
        Broken("lost.jpg", "is a link that leads nowhere"),
        Broken("pipe.png", "is no regular file"),
        Broken("self.jpg", "is a link that leads nowhere"),
        Broken("text.tif", "is a text file, no image"),
    )


def test_links_in_a_circle_end(tmp_path, save):
    save(tmp_path / "a" / "1.png", 1)
    save(tmp_path / "b" / "1.png", 2)
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "b" / "over").symlink_to(tmp_path / "a")
    assert labels(load(tmp_path)) == {"a/1.png": "a", "b/1.png": "b", "b/over/1.png": "b"}


def test_a_folder_that_may_not_be_read(tmp_path, save, monkeypatch):
    save(tmp_path / "a" / "1.png", 1)
    (tmp_path / "b").mkdir()
    scandir = os.scandir

    def guarded(path: Path):
        if Path(path).name == "b":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    assert load(tmp_path).broken == (Broken("b/", "is a folder that may not be read (no permission)"),)


def test_images_are_known_by_content(tmp_path, save):
    save(tmp_path / "a.png", 1).rename(tmp_path / "scan0001")
    save(tmp_path / "b.png", 2).rename(tmp_path / "b.img")
    (tmp_path / "BMW.notes").write_text("BM begins a bitmap, but not this")
    assert [sample.file for sample in load(tmp_path).samples] == ["b.img", "scan0001"]


def test_nothing_left_is_one_message(tmp_path):
    for i in range(3):
        (tmp_path / f"{i}.png").touch()
    (tmp_path / "a.jpg").write_text("x")
    with pytest.raises(DataUnusableError) as caught:
        load(tmp_path)
    assert str(caught.value) == (
        f"none of the 4 image files in {tmp_path} can be used:"
        f"\n  3 x is empty (0 bytes) (as 0.png)"
        f"\n  1 x is a text file, no image (as a.jpg)"
    )


def test_no_image_at_all(tmp_path):
    with pytest.raises(DataNotFoundError) as caught:
        load(tmp_path)
    assert str(caught.value) == (
        f"there is no image in {tmp_path}, nor in the folders below it. It is empty. "
        f"DATA is a folder of PNG, JPEG, BMP, TIFF or WebP images, or the word 'elpv'."
    )
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(DataNotFoundError, match=r"Other files there: 1\."):
        load(tmp_path)


def test_no_such_folder(tmp_path):
    (tmp_path / "scratches").mkdir()
    with pytest.raises(DataNotFoundError) as caught:
        load(tmp_path / "scratchs")
    assert str(caught.value) == (
        f"there is no folder {tmp_path / 'scratchs'}. Did you mean 'scratches'? "
        f"DATA is a folder of images, or the word 'elpv' (the solar cells of the extra 'elpv')."
    )


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "data.zip").write_bytes(b"PK")
    with pytest.raises(DataNotFoundError) as caught:
        load(tmp_path / "data.zip")
    assert str(caught.value) == f"{tmp_path / 'data.zip'} is a file; DATA is a folder of images. Unpack it first."


# how it is read


def test_the_root_is_the_same_from_every_working_folder(tmp_path, save, monkeypatch):
    save(tmp_path / "photos" / "dents" / "a.png", 1)
    monkeypatch.chdir(tmp_path)
    dataset = load("photos")
    assert (dataset.source, dataset.root) == ("photos", (tmp_path / "photos").resolve())
    monkeypatch.chdir(tmp_path / "photos")
    assert dataset.read(0).shape == (24, 32)


def test_images_are_found_again_from_another_working_folder(tmp_path, save, monkeypatch):
    root = str(save(tmp_path / "one" / "data" / "a.png", 1).parent)
    save(tmp_path / "two" / "data" / "b.png", 2)
    monkeypatch.chdir(tmp_path / "one")
    assert place_again("data", root) == "data"
    monkeypatch.chdir(tmp_path)
    assert place_again("data", root) == root
    monkeypatch.chdir(tmp_path / "two")  # whose folder of that name is another one
    assert place_again("data", root) == root
    assert place_again("data", str(tmp_path / "gone")) == "data"  # moved together with the run
    assert place_again("data", "data") == "data"  # as runs of earlier versions say it
    assert place_again("elpv", "/gone") == "elpv"


def test_progress_counts_every_file(tmp_path, save):
    for i in range(150):
        save(tmp_path / f"{i:03}.png", i, 4, 4)
    (tmp_path / "x.png").touch()
    seen: list[float] = []

    class Counting(Progress):
        def task(self, title, total=None, unit=""):
            from contextlib import nullcontext

            seen.append(-total)

            class Count(Task):
                def advance(self, amount=1.0, **facts):
                    seen.append(amount)

            return nullcontext(Count())

    dataset = load(tmp_path, progress=Counting())
    assert [sample.file for sample in dataset.samples] == [f"{i:03}.png" for i in range(150)]
    assert (seen[0], sum(seen[1:])) == (-151, 151)
