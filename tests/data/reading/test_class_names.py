"""The class in a file's name."""

from __future__ import annotations

import pytest

from flawforge.data.reading.class_names import class_in_name
from flawforge.data.reading.load import load
from flawforge.data.reading_choices import ReadingChoices

from .listed import labels


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("scratches_12", "scratches"),
        ("12_scratches", "scratches"),
        ("scratch (3)", "scratch"),
        ("scratch(3)", "scratch"),
        ("IMG_2034_crack_07", "crack"),
        ("rolled-in_scale_117", "rolled-in_scale"),
        ("MT_Blowhole-4", "MT_Blowhole"),
        ("crack12", "crack"),
        ("0012crack", "crack"),
        ("crack_07a", "crack"),
        ("crack - Copy (2)", "crack"),
        ("DSC00412 pit", "pit"),
        ("20240131T120301_pit", "pit"),
        ("pit_07_jpg.rf.0a1b2c3d4e5f", "pit"),
        ("0a1b2c3d-pit", "pit"),
        ("划痕_12", "划痕"),
        ("Löcher 3", "Löcher"),
        ("crack_2_deep_07", "crack_2_deep"),
        ("IMG_2034", ""),
        ("image (3)", ""),
        ("0a1b2c3d4e", ""),
        ("0012", ""),
        ("surface", ""),
        ("3d_print", "print"),
        ("", ""),
        ("___", ""),
    ],
)
def test_the_class_is_what_does_not_count(stem, name):
    assert class_in_name(stem) == name


def test_classes_from_names(tmp_path, save):
    files = ("scratches_12.jpg", "13_scratches.png", "Scratches (3).png", "IMG_2034_crack_07.jpg", "IMG_1.jpg")
    for i, file in enumerate(files):
        save(tmp_path / file, i)
    dataset = load(tmp_path, ReadingChoices(classes_from="names"))
    assert labels(dataset) == dict(zip(files[:4], ["scratches"] * 3 + ["crack"], strict=True))
    assert {sample.label_source for sample in dataset.samples} == {"file name"}
    assert [sample.label_source for sample in dataset.unlabelled] == ["its name tells no class"]
    assert dataset.notes == (
        "1 image has a name that tells no class (such as IMG_1.jpg): it is not labelled, and not used.",
        "The class 'scratches' is also written 'Scratches': read as one class.",
    )


def test_the_name_decides_among_classes_that_the_labels_have(tmp_path, save, save_xml):
    for i, stem in enumerate(("IMG_7_rust_02", "DENT 2", "scratch_3")):
        save(tmp_path / f"{stem}.png", i)
        save_xml(tmp_path / f"{stem}.xml", ("dent", 1, 1, 5, 5), ("dent", 1, 1, 6, 6), ("rust", 1, 1, 9, 9))
    assert labels(load(tmp_path)) == {"DENT 2.png": "dent", "IMG_7_rust_02.png": "rust", "scratch_3.png": "dent"}
