"""Copy and paste: what is blended in, what stays, and which label is certain."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flawforge.core.errors import DataUnusableError, ImageBrokenError
from flawforge.data.augmentation.copy_paste import copy_paste, paste
from flawforge.data.augmentation.masks import defect_masks
from flawforge.data.reading.load import load


def square(size: int = 24, top: int = 8, left: int = 6, side: int = 6) -> np.ndarray:
    mask = np.zeros((size, size), dtype=bool)
    mask[top : top + side, left : left + side] = True
    return mask


def noise(count: int = 1, channels: int = 1, size: int = 24, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(60, 180, (count, channels, size, size)).astype(np.uint8)


def test_an_image_pasted_on_itself_is_itself() -> None:
    image = noise()[0]
    assert np.array_equal(paste(image, square(), image), image)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_defect_keeps_its_form_and_takes_the_grounds_level(channels: int) -> None:
    """On a ground of another level the offset is constant: the defect comes over with its own contrast, seamless."""
    defect = np.full((channels, 24, 24), 100, dtype=np.uint8)
    defect[:, 9:13, 7:11] = 150
    ground = np.full((channels, 24, 24), 60, dtype=np.uint8)
    out = paste(defect, square(), ground, (3, -2))
    expected = ground.copy()
    expected[:, 12:16, 5:9] = 110
    assert np.array_equal(out, expected)


def test_a_slope_of_the_ground_goes_on_under_the_defect() -> None:
    """Laplace's equation keeps a linear offset linear."""
    flat = np.full((1, 24, 24), 100, dtype=np.uint8)
    slope = np.tile(np.arange(24) * 5 + 40, (24, 1))[None].astype(np.uint8)
    assert np.array_equal(paste(flat, square(), slope), slope)


def test_outside_the_mask_and_its_margin_nothing_changes() -> None:
    defect, ground = noise(2)
    out = paste(defect, square(), ground, (1, 1))
    changed = (out != ground).any(0)
    allowed = square(top=8, left=6, side=8)  # moved by one, with a margin of one
    assert changed.any()
    assert not (changed & ~allowed).any()


def test_at_the_images_edge_and_over_all_of_it_the_result_is_still_an_image() -> None:
    defect, ground = noise(2)
    corner = square(top=0, left=0, side=9)
    assert paste(defect, corner, ground).shape == ground.shape
    whole = np.ones((24, 24), dtype=bool)
    assert np.array_equal(paste(defect, whole, ground), defect)  # nothing of the ground is left to meet


def test_labels_are_certain_and_the_classes_take_turns() -> None:
    images = noise(12)
    labels = np.repeat(np.arange(3), 4)  # 0 is good
    masks = np.stack([square()] * 12)
    masks[labels == 0] = False
    masks[11] = True  # fills the image
    made = copy_paste(images, labels, masks, 40, 0, clean=0)
    assert np.bincount(made.labels).tolist() == [0, 20, 20]
    assert np.array_equal(labels[made.sources], made.labels)
    assert 11 not in made.sources
    assert np.isin(labels[made.grounds], [0, 1])[made.labels == 1].all()
    assert (labels[made.grounds] == 0).any()
    assert (made.sources != made.grounds).all()
    own = copy_paste(images, labels, masks, 40, 0)
    assert np.array_equal(labels[own.grounds], own.labels)


def test_a_defect_at_an_edge_stays_at_an_edge() -> None:
    """A mask along the top lands along the top or the bottom, anywhere sideways; one in the middle goes anywhere."""
    grounds = np.full((2, 1, 24, 24), 100, dtype=np.uint8)
    grounds[0, 0, 0:4, 10:14] = 180
    masks = np.zeros((2, 24, 24), dtype=bool)
    masks[0, 0:4, 10:14] = True
    made = copy_paste(grounds, np.zeros(2, np.int64), masks, 40, 0)
    places = [np.argwhere(image[0] != 100) for image in made.images if (image != 100).any()]
    assert all(place[:, 0].min() == 0 or place[:, 0].max() == 23 for place in places)
    assert len({int(place[:, 1].min()) for place in places}) > 8


def test_the_seed_and_the_number_decide() -> None:
    images, labels, masks = noise(6), np.arange(6) % 2, np.stack([square()] * 6)
    ten, four, other = (copy_paste(images, labels, masks, n, seed).images for n, seed in ((10, 0), (4, 0), (4, 1)))
    assert np.array_equal(ten[:4], four)
    assert not np.array_equal(four, other)


def test_no_mask_no_paste() -> None:
    with pytest.raises(DataUnusableError, match="needs masks or boxes that mark something, and not more than 90%"):
        copy_paste(noise(2), np.zeros(2, np.int64), np.zeros((2, 24, 24), bool), 4, 0)


def write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def test_masks_are_read_at_the_models_size(tmp_path: Path) -> None:
    for number in range(2):
        write(tmp_path / "scratch" / f"s{number}.png", noise(size=40, seed=number)[0, 0])
    mask = np.zeros((40, 40), np.uint8)
    mask[12:20, :] = 255
    write(tmp_path / "masks" / "scratch" / "s0.png", mask)
    data = load(tmp_path)
    masks = defect_masks(data, [0, 1], (10, 20))
    assert masks.shape == (2, 10, 20)
    assert masks[0, 3:5].all()
    assert masks[0].sum() == 40
    assert not masks[1].any()
    (tmp_path / "masks" / "scratch" / "s0.png").write_bytes(b"no image")
    with pytest.raises(ImageBrokenError, match="is no mask that can be read"):
        defect_masks(data, [0], (10, 20))


def test_boxes_of_the_images_own_class_serve_as_masks(tmp_path: Path) -> None:
    write(tmp_path / "images" / "scratch_1.png", noise(size=40)[0, 0])
    note = "<annotation>{}</annotation>"
    box = (
        "<object><name>{}</name><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox></object>"
    )
    text = note.format(box.format("scratch", 1, 5, 8, 12) + box.format("stain", 20, 20, 30, 30))
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "scratch_1.xml").write_text(text)
    masks = defect_masks(load(tmp_path), [0], (10, 10))
    expected = np.zeros((10, 10), bool)
    expected[1:3, 0:2] = True
    assert np.array_equal(masks[0], expected)
