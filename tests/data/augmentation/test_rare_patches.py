"""Rare classes on plentiful ground: which images are drawn, and whether the label tells what is to be seen."""

from __future__ import annotations

import numpy as np
import pytest

from flawforge.data.augmentation.rare_patches import paste_rare

LABELS = np.array([0] * 80 + [1] * 15 + [2] * 5)


def flat(size: tuple[int, int], channels: int = 1) -> np.ndarray:
    """Each image has its own gray value."""
    values = np.arange(len(LABELS), dtype=np.uint8)
    return np.broadcast_to(values[:, None, None, None], (len(LABELS), channels, *size)).copy()


@pytest.mark.parametrize(("size", "channels"), [((16, 16), 1), ((12, 31), 3)])
def test_the_label_is_what_is_to_be_seen(size: tuple[int, int], channels: int) -> None:
    made = paste_rare(flat(size, channels), LABELS, 4, 200, 0)
    assert made.images.shape == (200, channels, *size)
    for image, label in zip(made.images, made.labels, strict=True):
        seen = np.bincount(LABELS[image[0].ravel()], minlength=4) / image[0].size
        assert label == pytest.approx(seen, abs=1e-6)
    assert made.labels.dtype == np.float32
    assert (made.images == made.images[:, :1]).all()


def test_what_is_not_the_patch_is_the_ground_and_the_patch_stays_where_it_was() -> None:
    images = np.random.default_rng(0).integers(0, 256, (len(LABELS), 1, 16, 16)).astype(np.uint8)
    made = paste_rare(images, LABELS, 3, 50, 0)
    for image, ground, patch in zip(made.images, made.grounds, made.patches, strict=True):
        assert ((image == images[ground]) | (image == images[patch])).all()
        inside = (image != images[ground]).any(0)
        rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
        if len(rows):
            box = np.s_[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            assert np.array_equal(image[box], images[patch][box])


def test_the_ground_is_any_image_and_the_patch_of_any_class() -> None:
    made = paste_rare(flat((8, 8)), LABELS, 3, 6000, 0)
    grounds, patches = (np.bincount(LABELS[which]) / 6000 for which in (made.grounds, made.patches))
    assert grounds == pytest.approx([0.8, 0.15, 0.05], abs=0.02)
    assert patches == pytest.approx([1 / 3, 1 / 3, 1 / 3], abs=0.025)
    area = made.labels[(LABELS[made.patches] == 2) & (LABELS[made.grounds] == 0), 2]
    assert area.mean() == pytest.approx(0.5, abs=0.02)  # uniform from 0 to 1
    assert area.std() == pytest.approx(12**-0.5, abs=0.02)


def test_with_equal_classes_it_is_cutmix() -> None:
    labels = np.repeat(np.arange(3), 20)
    made = paste_rare(flat((8, 8))[:60], labels, 3, 6000, 0)
    for which in (made.grounds, made.patches):
        assert np.bincount(which) / 6000 == pytest.approx([1 / 60] * 60, abs=0.007)


def test_an_image_does_not_depend_on_how_many_are_asked_for() -> None:
    images = flat((8, 8))
    few, many = paste_rare(images, LABELS, 3, 5, 0), paste_rare(images, LABELS, 3, 20, 0)
    assert np.array_equal(few.images, many.images[:5])
    assert np.array_equal(few.labels, many.labels[:5])
    assert not np.array_equal(paste_rare(images, LABELS, 3, 5, 1).images, few.images)


def test_a_class_without_images_is_never_drawn() -> None:
    assert (paste_rare(flat((8, 8)), LABELS, 5, 50, 0).labels[:, 3:] == 0).all()
