"""Copies of an image that a tool named after it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from flawforge.data.grouping.copies import join_copies
from flawforge.data.reading.load import load

ONE, OTHER = "0f3e5a7b9c1d2e4f60718293a4b5c6d7", "Zz93aQ0bLmK8xY2wV5tR"


@pytest.mark.parametrize(
    ("files", "groups"),
    [
        ([f"a_jpg.rf.{ONE}.jpg", f"a_jpg.rf.{OTHER}.jpg", f"b_jpg.rf.{ONE}.jpg"], [0, 0, 1]),
        ([f"a.rf.{ONE}.jpg", f"a_png.rf.{OTHER}.png"], [0, 0]),
        ([f"A_JPG.rf.{ONE}.jpg", f"a_jpg.rf.{OTHER}.jpg"], [0, 0]),
        ([f"x/a_jpg.rf.{ONE}.jpg", f"y/a_jpg.rf.{OTHER}.jpg"], [0, 1]),  # two parts that a camera gave one number
        (["a_1.jpg", "a_2.jpg", "a_1.rf.jpg", "a_2.rf.jpg"], [0, 1, 2, 3]),
        ([f".rf.{ONE}.jpg", f".rf.{OTHER}.jpg"], [0, 1]),
        ([], []),
    ],
)
def test_names_of_copies(files, groups):
    assert join_copies(np.arange(len(files)), files).tolist() == groups


def test_what_is_known_stays_and_is_joined():
    files = [f"a_jpg.rf.{ONE}.jpg", "c.jpg", f"b_jpg.rf.{ONE}.jpg", f"a_jpg.rf.{OTHER}.jpg", "d.jpg"]
    assert join_copies(np.array([3, 3, 1, 1, 0]), files).tolist() == [0, 0, 0, 0, 1]
    assert join_copies(np.array([5, 2, 5, 7, 2]), ["a", "b", "c", "d", "e"]).tolist() == [0, 1, 0, 2, 1]


def test_the_groups_of_a_dataset(tmp_path):
    rng = np.random.default_rng(0)
    for name in (f"a_jpg.rf.{ONE}.png", f"a_jpg.rf.{OTHER}.png", f"b_jpg.rf.{ONE}.png"):
        Image.fromarray(rng.integers(0, 256, (64, 64), np.uint8)).save(tmp_path / name)
    assert load(tmp_path).groups().tolist() == [0, 0, 1]
