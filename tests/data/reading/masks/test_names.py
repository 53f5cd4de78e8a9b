"""What names say of masks."""

from __future__ import annotations

import pytest

from flawforge.data.reading.masks.names import claim_of, image_keys, mask_keys, telling


@pytest.mark.parametrize(
    ("file", "token", "certain", "key"),
    [
        ("000_mask.png", "*mask", True, "000"),
        ("000_0_mask.png", "*mask", True, "000"),
        ("000_mask_1.png", "*mask", True, "000"),
        ("a-mask.png", "*mask", True, "a"),
        ("a.mask.png", "*mask", True, "a"),
        ("001mask.png", "*mask", True, "001"),
        ("mask_001.png", "*mask", True, "001"),
        ("mask001.png", "*mask", True, "001"),
        ("x_defect_mask.png", "*mask", True, "x"),
        ("20000_GT.png", "*gt", True, "20000"),
        ("x ground truth.png", "*groundtruth", True, "x"),
        ("Part1_label.bmp", "*label", False, "part1"),
        ("x_seg.png", "*seg", False, "x"),
        ("label.png", "*label", False, ""),
        ("masks/000.png", "masks/", True, "000"),
        ("Ground Truth/cut/000_1.png", "Ground Truth/", True, "000"),
        ("defect_mask/000.png", "defect_mask/", True, "000"),
        ("SegmentationClass/000.png", "SegmentationClass/", True, "000"),
        ("labels/000.png", "labels/", False, "000"),
        ("train_masks/000.png", "train_masks/", False, "000"),
        ("trainannot/000.png", "trainannot/", False, "000"),
    ],
)
def test_names_that_call_files_masks(file, token, certain, key):
    claim = claim_of(file, 0)
    assert claim is not None
    assert (claim.token, claim.certain, claim.shown) == (token, certain, False)
    assert key in mask_keys(file)


@pytest.mark.parametrize(
    "file", ["unmasked.png", "hallmark.png", "segment_1.png", "labelled/1.png", "masking_tape_01.png", "target_1.png"]
)
def test_names_that_do_not(file):
    assert claim_of(file, 0) is None


def test_a_mask_that_is_laid_over_its_image_is_neither():
    for file in ("SegmentationClassVisualization/1.jpg", "label_viz.png"):
        assert claim_of(file, 0).shown


def test_folders_that_all_files_share_tell_nothing():
    assert claim_of("masks/a/1.png", 1) is None
    assert claim_of("masks/gt/1.png", 1).token == "gt/"


@pytest.mark.parametrize(
    ("file", "keys"),
    [
        ("a/IMG_001.png", ["img_001", "img_001.png", "001"]),
        ("img.png", ["img", "img.png", ""]),
        ("001_image.png", ["001_image", "001_image.png", "001"]),
        ("imprint_1.png", ["imprint_1", "imprint_1.png"]),
    ],
)
def test_what_a_mask_may_call_its_image(file, keys):
    assert image_keys(file) == keys


@pytest.mark.parametrize(
    ("folder", "told"),
    [
        ("bottle/test/cut", {"bottle", "test", "cut"}),
        ("bottle/ground_truth/cut", {"bottle", "cut"}),
        ("train_masks", {"train"}),
        ("Train Images", {"train"}),
        ("trainannot", {"train"}),
        ("MT_Free/Imgs", {"mt free"}),
        ("a/bin", {"a"}),
        ("", set()),
    ],
)
def test_what_folders_tell(folder, told):
    assert telling(folder, frozenset({"bin"})) == told
