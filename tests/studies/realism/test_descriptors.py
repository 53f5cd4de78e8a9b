"""Images described: one row an image in order, and features that are computed once for the same content."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flawforge.core.progress import SILENT
from flawforge.models.extractors import Extractor
from flawforge.studies.realism.descriptors import BLOCK, DescribedImages, describe_images
from flawforge.studies.sets import pixel_key


class Counted:
    """Features that are the mean and the highest value, and how many images they were asked for."""

    name, version = "counted", "1"

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, images: np.ndarray) -> np.ndarray:
        self.asked += len(images)
        flat = np.asarray(images).reshape(len(images), -1)
        return np.stack([flat.mean(axis=1), flat.max(axis=1)], axis=1).astype(np.float32)


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    monkeypatch.setenv("FLAWFORGE_CACHE", str(tmp_path / "cache"))
    return np.random.default_rng(0).integers(0, 256, (BLOCK + 6, 1, 8, 8)).astype(np.uint8)


def described(images: np.ndarray, extractor: Counted) -> DescribedImages:
    found: Extractor = extractor  # type: ignore[assignment]
    return describe_images(lambda i: images[i], np.arange(len(images)) // 2, 255, found, "images", SILENT)


def test_each_image_has_a_row_in_order_over_blocks(images: np.ndarray) -> None:
    one = described(images, Counted())
    assert len(one) == BLOCK + 6
    assert one.features[:, 1] == pytest.approx(images.reshape(len(images), -1).max(axis=1) / 127.5 - 1, abs=1e-6)
    assert one.histograms.shape == (BLOCK + 6, 256)
    assert one.keys[BLOCK] == pixel_key(images[BLOCK], 255)
    part = one.take(np.array([BLOCK, 3]))
    assert part.groups.tolist() == [BLOCK // 2, 1]
    assert part.keys == (one.keys[BLOCK], one.keys[3])
    assert np.array_equal(part.spectra, one.spectra[[BLOCK, 3]])


def test_features_of_the_same_content_are_computed_once(images: np.ndarray) -> None:
    first, again, other = Counted(), Counted(), Counted()
    one = described(images, first)
    assert first.asked == BLOCK + 6
    twice = described(images, again)
    for name in ("features", "spectra", "histograms"):
        assert np.array_equal(getattr(twice, name), getattr(one, name))
    assert again.asked == 0
    images[0, 0, 0, 0] ^= 1
    described(images, other)
    assert other.asked == BLOCK  # the block of the changed image alone


def test_a_key_is_of_pixels_shape_and_white() -> None:
    image = np.zeros((1, 4, 4), dtype=np.uint8)
    keys = {
        pixel_key(image, 255),
        pixel_key(image, 254),
        pixel_key(image.reshape(1, 2, 8), 255),
        pixel_key(image + 1, 255),
    }
    assert len(keys) == 4
