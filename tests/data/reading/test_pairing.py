"""Which image a name in a label file means."""

from __future__ import annotations

import pytest

from flawforge.data.reading.pairing import ImageNames

IMAGES = ["train/images/a.jpg", "valid/images/a.jpg", "valid/images/b.JPG", "test/part.01.png", "B.png", "other/b.jpg"]


@pytest.mark.parametrize(
    ("name", "file", "images"),
    [
        ("a.jpg", "train/labels.json", ["train/images/a.jpg"]),  # beside the label file
        ("a.jpg", "annotations/instances_valid.json", ["valid/images/a.jpg"]),  # named in the label file's name
        ("a.jpg", "labels.json", ["train/images/a.jpg", "valid/images/a.jpg"]),  # fits both
        ("valid/images/a.jpg", "train/labels.json", ["valid/images/a.jpg"]),  # says which
        ("D:\\sets\\valid\\images\\a.jpg", "labels.json", ["valid/images/a.jpg"]),
        ("/home/someone/a.JPG", "train/labels.json", ["train/images/a.jpg"]),
        ("b.bmp", "labels.json", ["B.png"]),  # another ending
        ("b.png", "labels.json", ["B.png"]),
        ("b.jpg", "labels.json", ["other/b.jpg"]),  # as it is spelt
        ("images/b.jpg", "labels.json", ["valid/images/b.JPG"]),  # folders before spelling
        ("part.01", "labels.json", ["test/part.01.png"]),
        ("part.01.tif", "labels.json", ["test/part.01.png"]),
        ("part", "labels.json", []),
        ("a.jpg;scratch", "labels.json", []),
        ("../../etc/passwd", "labels.json", []),
        ("..", "labels.json", []),
        ("", "labels.json", []),
    ],
)
def test_a_name_means_the_image_of_that_name_whose_folders_agree(name, file, images):
    assert ImageNames(IMAGES).find(name, file) == images
