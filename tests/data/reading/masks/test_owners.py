"""Which image a mask belongs to."""

from __future__ import annotations

import pytest

from flawforge.data.reading.masks.owners import ELSEWHERE, MaskOwners

NONE = "is a mask without an image of the same name"


@pytest.mark.parametrize(
    ("images", "mask", "owner"),
    [
        (["a.png", "b.png"], "masks/a.png", "a.png"),
        (["A.JPG"], "masks/a.PNG", "A.JPG"),
        (["a.b.png"], "masks/a.b.png", "a.b.png"),
        (["a.jpg"], "masks/a.jpg.png", "a.jpg"),
        (["good/1.png", "hole/1.png"], "masks/hole/1.png", "hole/1.png"),
        (["hole/deep/1.png"], "masks/hole/1.png", "hole/deep/1.png"),
        (["images/1.png"], "masks/crack/1.png", "images/1.png"),
        (["train/images/1.png", "val/images/1.png"], "val/masks/1.png", "val/images/1.png"),
        (["images/train/1.png", "images/val/1.png"], "val_masks/1.png", "images/val/1.png"),
        (
            ["nut/train/good/0.png", "nut/test/cut/0.png", "nut/test/hole/0.png", "cap/test/hole/0.png"],
            "nut/ground_truth/hole/0_mask.png",
            "nut/test/hole/0.png",
        ),
        (["bag/test/bad/014.png", "bag/test/bad/000.png"], "bag/ground_truth/bad/014/000.png", "bag/test/bad/014.png"),
        (["014.png", "000.png"], "masks/014/000.png", "014.png"),
        (["1/001.png", "1/1.png"], "masks/1/001.png", "1/001.png"),
        (["x_0.png", "x.png"], "x_0_mask.png", "x_0.png"),
        (["x.png"], "x_0_mask.png", "x.png"),
        (["img_7.png", "7.png"], "masks/7.png", "7.png"),
        (["img_7.png"], "masks/mask_7.png", "img_7.png"),
        (["test/hole/rgb/0.png", "test/cut/rgb/0.png"], "test/cut/gt/0.png", "test/cut/rgb/0.png"),
        (["a_json/img.png", "b_json/img.png"], "b_json/label.png", "b_json/img.png"),
    ],
)
def test_the_image_whose_name_and_folders_fit_best(images, mask, owner):
    assert MaskOwners(images).of_all([mask]) == ({mask: owner}, {})


@pytest.mark.parametrize(
    ("images", "mask", "why"),
    [
        (["a.png"], "masks/b.png", NONE),
        (["nut/test/cut/0.png", "cap/test/hole/0.png"], "nut/ground_truth/hole/0_mask.png", ELSEWHERE),
        (["val/images/1.png"], "train/masks/1.png", ELSEWHERE),
        (
            ["train/1.png", "val/1.png"],
            "masks/1.png",
            "is a mask that may belong to train/1.png or val/1.png: their names are the same",
        ),
    ],
)
def test_masks_of_no_image(images, mask, why):
    assert MaskOwners(images).of_all([mask]) == ({}, {mask: why})


def test_close_is_in_the_same_place_but_for_masks_and_splits():
    owners = MaskOwners([])
    assert owners.close("nut/ground_truth/cut/0.png", "nut/test/cut/0.png")
    assert not owners.close("masks/1.png", "good/1.png")
