"""Pascal VOC: annotations beside images or in folders of their own, whole, partial and damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from flawforge.core.errors import DataUnusableError
from flawforge.data.reading.load import load
from flawforge.data.reading_choices import ReadingChoices
from flawforge.data.sample import Box, Broken

from ..listed import labels, masks


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
        "JPEGImages/clean_1.jpg": "good",
        "JPEGImages/IMG_77.jpg": "rust",
        "JPEGImages/rust_1.jpg": "rust",
    }
    assert [Path(sample.file).stem for sample in dataset.samples] == ["clean_1", "IMG_77", "rust_1"]
    rust = next(sample for sample in dataset.samples if sample.file.endswith("rust_1.jpg"))
    assert rust.boxes[0] == Box("dent", left=0, top=0, right=5, bottom=6)
    assert rust.mask == "masks/rust_1.png"
    sources = {sample.file: sample.label_source for sample in dataset.unlabelled}
    assert sources["JPEGImages/dent_9.jpg"] == "no label file"
    assert dataset.notes[0] == (
        "1 image has labels that mark nothing (Pascal VOC; such as JPEGImages/clean_1.jpg): it is read as 'good'. "
        "--unmarked unlabelled leaves them out."
    )


def test_an_annotation_without_its_image_is_told(tmp_path, save, save_xml):
    save(tmp_path / "images" / "dent_1.jpg", 1)
    save(tmp_path / "images" / "rust_1.jpg", 2)
    save_xml(tmp_path / "annotations" / "rust_1.xml", ("rust", 1, 1, 5, 6))
    save_xml(tmp_path / "annotations" / "lost.xml", ("dent", 1, 1, 5, 6))
    dataset = load(tmp_path)
    assert (dataset.counts, [sample.file for sample in dataset.unlabelled]) == ({"rust": 1}, ["images/dent_1.jpg"])
    assert dataset.broken == (Broken("annotations/lost.xml", "is an annotation without an image of the same name"),)


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
    assert (
        dataset.notes[:2]
        == ("1 image has no label file (Pascal VOC) while the others have one: its class is that of its folder.",) * 2
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
        "Only 2 of 8 images have labels (Pascal VOC): what they mark was read, and the class of each image is that "
        "of its folder.",
    )


@pytest.mark.parametrize(("unmarked", "counts"), [(None, {"dent": 3}), ("good", {"dent": 3, "good": 2})])
def test_images_without_xml_in_a_flat_folder_are_not_labelled_yet(tmp_path, save, save_xml, unmarked, counts):
    for i in range(3):
        save(tmp_path / f"dent_{i}.png", i)
        save_xml(tmp_path / f"dent_{i}.xml", ("dent", 1, 1, 5, 5))
    save(tmp_path / "dent_9.png", 9)
    save(tmp_path / "surface.png", 10)
    dataset = load(tmp_path, ReadingChoices(unmarked=unmarked))
    assert dataset.counts == counts
    assert dataset.notes[0].startswith("2 images have no label file (Pascal VOC; such as dent_9.png): they are ")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("<annotation>", "is no XML: no element found: line 1, column 12"),
        ('<!DOCTYPE a [<!ENTITY b "b">]><a>&b;</a>', "declares XML entities, which no annotation needs"),
    ],
)
def test_damaged_annotations_are_named_and_their_images_are_not_labelled(tmp_path, save, save_xml, content, why):
    for i in (1, 2):
        save(tmp_path / "images" / f"dent_{i}.jpg", i)
        save_xml(tmp_path / "annotations" / f"dent_{i}.xml", ("dent", 1, 1, 5, 5))
    (tmp_path / "annotations" / "dent_2.xml").write_text(content)
    save_xml(tmp_path / "annotations" / "dent_3.xml", ("dent", 1, 1, 5, 5))
    dataset = load(tmp_path)
    assert (dataset.counts, len(dataset.unlabelled)) == ({"dent": 1}, 1)
    assert dataset.broken == (
        Broken("annotations/dent_2.xml", f"annotation of dent_2.jpg {why}"),
        Broken("annotations/dent_3.xml", "is an annotation without an image of the same name"),
    )


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


def test_annotations_that_are_all_damaged_are_no_class_of_their_own(tmp_path, save):
    """Such a folder was once read as one class, named after it, without a word."""
    for i in range(3):
        save(tmp_path / "images" / f"dent_{i}.jpg", i)
        (tmp_path / "images" / f"dent_{i}.xml").write_text("<annotation>")
    with pytest.raises(DataUnusableError, match=r"none of the 3 images .* has a class: .*dent_0.xml is no XML"):
        load(tmp_path)
    save(tmp_path / "images" / "pit_9.jpg", 9)
    assert load(tmp_path, ReadingChoices("good")).counts == {"good": 1}
