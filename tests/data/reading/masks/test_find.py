"""Masks and their images in whole folders; and what looks like masks and is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from field_folders import keep, surface
from flawforge.data.reading.file_tree import walk
from flawforge.data.reading.masks.find import MaskFiles, find_masks


def arrange(root: Path, image: str, mask: str, count: int = 6, marked: int = 2) -> MaskFiles:
    """Write pairs under names with a number in braces, of which the last `marked` masks mark something."""
    for number in range(count):
        pixels, where = surface(number, "spot" if number >= count - marked else "")
        keep(pixels, root / image.format(number))
        keep(where, root / mask.format(number))
    return find_masks(root, walk(root))


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("kos{:02}/Part1.jpg", "kos{:02}/Part1_label.bmp"),
        ("train/{}.png", "train/{}_GT.png"),
        ("MT_X/Imgs/{}.jpg", "MT_X/Imgs/{}.png"),
        ("{}.bmp", "{}.png"),
        ("{}.jpeg", "{}.mask.png"),
        ("image_{}.png", "mask_{}.png"),
        ("{}_rgb.png", "{}_seg.png"),
        ("{}.tif", "{}-mask.tif"),
        ("images/{}.png", "labels/{}.png"),
        ("images/{}.png", "labels/{}_label.png"),
        ("Images/{}.jpg", "Annotations/{}.png"),
        ("img/{}.jpg", "segmentation/{}.png"),
        ("train_images/{}.png", "train_masks/{}.png"),
        ("train/{}.png", "trainannot/{}.png"),
        ("data/images/{}.png", "data/Ground Truth/{}.png"),
        ("Original images/{}.tif", "Ground Truth Masks/{}.tif"),
        ("Raw Images/{}.tif", "masks/{}.tif"),
        ("JPEGImages/{}.jpg", "masks_png/{}.png"),
        ("{}_img.png", "{}_bw.png"),
        ("{}.jpg", "{}_msk.png"),
        ("data/Original/{}.png", "data/Binary/{}.png"),
        ("crack/{}.png", "crack/bw/{}.png"),
        ("images/{}.png", "defect_mask/{}.png"),
        ("Class1/Train/{:04}.PNG", "Class1/Train/Label/{:04}_label.PNG"),
        ("images/{:03}.png", "masks/{:03}/000.png"),
        ("x{}_json/img.png", "x{}_json/label.png"),
    ],
)
def test_masks_are_found_under_the_usual_names(tmp_path, image, mask):
    found = arrange(tmp_path, image, mask)
    assert found.of == {image.format(number): (mask.format(number),) for number in range(6)}
    assert found.files == {mask.format(number) for number in range(6)}
    assert (found.broken, found.notes) == ([], [])


def test_the_parts_of_a_mask_are_put_together(tmp_path):
    arrange(tmp_path, "test/cut/{:03}.png", "ground_truth/cut/{:03}_0_mask.png")
    found = arrange(tmp_path, "test/cut/{:03}.png", "ground_truth/cut/{:03}_1_mask.png")
    assert found.of["test/cut/001.png"] == ("ground_truth/cut/001_0_mask.png", "ground_truth/cut/001_1_mask.png")
    assert len(found.files) == 12


def test_masks_of_no_image_are_told(tmp_path):
    arrange(tmp_path, "images/{}.jpg", "masks/{}.png")
    (tmp_path / "images" / "3.jpg").unlink()
    found = find_masks(tmp_path, walk(tmp_path))
    assert [(one.file, one.reason) for one in found.broken] == [
        ("masks/3.png", "is a mask without an image of the same name")
    ]
    assert len(found.files) == 6


def test_a_mask_beside_an_image_that_is_gone_is_no_image(tmp_path):
    """x.jpg and x.png: only a look tells the lost ones from images."""
    arrange(tmp_path, "{}.jpg", "{}.png")
    (tmp_path / "5.jpg").unlink()
    keep(surface(9)[0], tmp_path / "9.png")
    found = find_masks(tmp_path, walk(tmp_path))
    assert [one.file for one in found.broken] == ["5.png"]
    assert "9.png" not in found.files


def test_masks_alone_are_what_is_meant(tmp_path):
    for folder in ("", "masks", "gt"):
        for number in range(4):
            keep(surface(number, "spot")[1], tmp_path / f"set{folder}" / folder / f"{number}_mask.png")
        assert find_masks(tmp_path / f"set{folder}", walk(tmp_path / f"set{folder}")) == MaskFiles()


@pytest.mark.parametrize(
    "names",
    [
        ("good/{}.png", "mask/{}.png", "scratch/{}.png"),  # a defect of lithography
        ("good/{}.png", "solder_mask/{}.png"),
        ("good/{}.png", "labels/{}.png"),
        ("box{}.png", "box{}_label.png"),  # photographs of stickers
        ("{}.jpg", "{}.png"),
        ("a/{}.png", "b/{}.png"),
        ("label{}.png", "other{}.png"),
    ],
)
def test_pictures_stay_pictures_whatever_they_are_called(tmp_path, names):
    for place, name in enumerate(names):
        for number in range(5):
            keep(surface(10 * place + number)[0], tmp_path / name.format(number))
    assert find_masks(tmp_path, walk(tmp_path)) == MaskFiles()


def test_classes_of_black_and_white_pictures_are_no_masks_of_each_other(tmp_path):
    for place, folder in enumerate(("good", "bad")):
        for number in range(5):
            keep(surface(10 * place + number, "spot")[1], tmp_path / folder / f"{number}.png")
    assert find_masks(tmp_path, walk(tmp_path)) == MaskFiles()


def test_of_two_kinds_of_masks_one_is_followed_and_the_other_told(tmp_path):
    arrange(tmp_path, "JPEGImages/{}.jpg", "SegmentationObject/{}.png")
    arrange(tmp_path, "JPEGImages/{}.jpg", "SegmentationClassVisualization/{}.jpg")
    found = arrange(tmp_path, "JPEGImages/{}.jpg", "SegmentationClass/{}.png")
    assert found.of["JPEGImages/0.jpg"] == ("SegmentationClass/0.png",)
    assert len(found.files) == 18
    assert found.notes == [
        "Not used: 6 pictures in SegmentationClassVisualization/ of masks laid over images.",
        "Not used: 6 masks in SegmentationObject/, because those in SegmentationClass/ are of the same images.",
    ]


def test_damaged_masks_and_damaged_pictures_change_nothing(tmp_path):
    arrange(tmp_path, "{}.jpg", "{}.png")
    (tmp_path / "1.png").write_bytes(b"")
    (tmp_path / "2.jpg").write_bytes(b"\xff\xd8\xff and no more")
    assert len(find_masks(tmp_path, walk(tmp_path)).of) == 6


def test_few_files_of_many_are_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrange(tmp_path, "{}.jpg", "{}.png", 40, 10)
    arrange(tmp_path, "one/x{}.png", "two/x{}.png", 40, 10)
    opened = []
    real: Callable[..., Image.Image] = Image.open
    monkeypatch.setattr(Image, "open", lambda path, **how: opened.append(path) or real(path, **how))
    assert len(find_masks(tmp_path, walk(tmp_path)).of) == 80
    assert len(opened) < 50


def test_masks_of_a_folder_of_each_class(tmp_path):
    rng = np.random.default_rng(0)
    for label in ("a", "b"):
        for number in range(3):
            keep(rng.integers(0, 256, (9, 9), np.uint8), tmp_path / label / f"{number}.png")
            keep(np.eye(9, dtype=bool), tmp_path / label / "mask" / f"{number}.png")
    assert find_masks(tmp_path, walk(tmp_path)).of["b/2.png"] == ("b/mask/2.png",)


def test_black_and_white_pictures_are_no_masks_without_pictures_of_their_names(tmp_path):
    for number in range(5):
        keep(surface(number)[0], tmp_path / "a" / f"{number}.png")
        keep(surface(number, "spot")[1], tmp_path / "b" / f"x{number}_seg.png")  # no image is called x0
        for ending in ("png", "bmp"):
            keep(surface(number, "spot")[1], tmp_path / "c" / f"y{number}.{ending}")
    found = find_masks(tmp_path, walk(tmp_path))
    assert (found.of, found.files, found.broken) == ({}, set(), [])
    assert [note.split(" are ")[0] for note in found.notes] == ["All images in b", "All images in c"]


def test_two_folders_of_masks_alone_are_what_is_meant(tmp_path):
    for number in range(4):
        for folder in ("masks", "gt"):
            keep(surface(number, "spot")[1], tmp_path / folder / f"{number}.png")
    assert find_masks(tmp_path, walk(tmp_path)) == MaskFiles()


def test_black_and_white_in_a_folder_of_its_own_is_told_beside_pictures(tmp_path):
    """Label Studio names masks after tasks: they became a class, and nothing said so."""
    found = arrange(tmp_path, "photos/w{}.png", "export/task-{}-by-1-tag-crack-0.png", marked=6)
    assert found.notes == [
        "All images in export are black and white, those of other folders are not. If they are masks, give them the "
        "names of their images, else they are images of a class."
    ]
    for number in range(6):
        (tmp_path / f"photos/w{number}.png").write_bytes(
            (tmp_path / f"export/task-{number}-by-1-tag-crack-0.png").read_bytes()
        )
    assert find_masks(tmp_path, walk(tmp_path)) == MaskFiles()
