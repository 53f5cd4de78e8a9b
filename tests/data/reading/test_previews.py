"""Previews and thumbnails beside images are no images; what only has such a name is one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from flawforge.data.reading.load import load

Save = Callable[..., object]


def _small(image: Path, path: Path, size: tuple[int, int] = (8, 6)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(image) as opened:
        opened.resize(size).save(path)


@pytest.mark.parametrize(
    "named", ["thumbs/{}.jpg", "Thumbnails/{}.png", "preview/{}.png", "{}_thumb.jpg", "{}-preview.png", "thumb_{}.png"]
)
def test_a_smaller_picture_of_an_image_is_passed_over(tmp_path: Path, save: Save, named: str) -> None:
    """As many thumbnails as images once made a class of them, and left the images out."""
    for number in range(4):
        save(tmp_path / f"p {number}.png", number, width=24, height=18)
        _small(tmp_path / f"p {number}.png", tmp_path / named.format(f"p {number}"))
    dataset = load(tmp_path)
    assert (dataset.layout, dataset.counts) == ("flat", {tmp_path.name: 4})
    assert [file.reason for file in dataset.broken] == [
        f"is a smaller picture of p {number}.png" for number in range(4)
    ]


def test_one_in_a_folder_of_its_class_too(tmp_path: Path, save: Save) -> None:
    for label in ("spot", "scratch"):
        save(tmp_path / label / "1.png", len(label), width=24, height=18)
        _small(tmp_path / label / "1.png", tmp_path / label / "thumbs" / "1.png")
        _small(tmp_path / label / "1.png", tmp_path / "thumbs" / label / "1.jpg")
    dataset = load(tmp_path)
    assert (dataset.counts, len(dataset.broken)) == ({"scratch": 1, "spot": 1}, 3 + 1)


@pytest.mark.parametrize("size", [(24, 18), (30, 24), (8, 8)])
def test_what_is_no_smaller_or_of_other_proportions_is_an_image(
    tmp_path: Path, save: Save, size: tuple[int, int]
) -> None:
    save(tmp_path / "1.png", 1, width=24, height=18)
    _small(tmp_path / "1.png", tmp_path / "1_thumb.png", size)
    assert (len(load(tmp_path)), load(tmp_path).broken) == (2, ())


def test_previews_of_nothing_are_images(tmp_path: Path, save: Save) -> None:
    save(tmp_path / "preview" / "1.png", 1)
    save(tmp_path / "thumbs" / "thumb.png", 2)
    (tmp_path / "1.png").write_bytes(b"no image")
    assert load(tmp_path).counts == {"preview": 1, "thumbs": 1}
