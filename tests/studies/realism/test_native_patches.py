"""Patches at native scale: what is cut, and what the distance sees."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from contrast import Contrast
from flawforge.core.seeds import numpy_stream
from flawforge.models.extractors import PixelValues
from flawforge.studies.realism.native_patches import cut_patches, describe_patches, patch_kid


def noise(count: int, seed: int, blur: float = 0.0) -> list[Any]:
    rng = numpy_stream(seed, "demo")
    fields = rng.normal(0, 1, (count, 90, 120)) * rng.uniform(0.7, 1.3, (count, 1, 1))
    return [np.clip(128 + 40 * ndimage.gaussian_filter(field, blur), 0, 255).astype(np.uint8) for field in fields]


def test_patches_are_pieces_of_the_image_as_it_is() -> None:
    image = np.arange(70 * 80, dtype=np.uint16).reshape(70, 80)
    for patch in cut_patches(image, 64, 20, numpy_stream(0, "demo")):
        top, left = divmod(int(patch[0, 0]), 80)
        assert np.array_equal(patch, image[top : top + 64, left : left + 64])
    with pytest.raises(ValueError, match="63x80 pixels holds no patch of 64x64"):
        cut_patches(image[:63], 64, 1, numpy_stream(0, "demo"))


def test_a_patch_depends_on_the_seed_and_the_images_number_alone() -> None:
    images, extractor = noise(80, 0), PixelValues()
    whole = describe_patches(images, extractor, count=5)
    part = describe_patches(images[:7], extractor, count=5)
    assert np.array_equal(part.features, whole.features[:35])
    assert whole.groups.tolist() == np.repeat(range(80), 5).tolist()
    assert not np.array_equal(part.features, describe_patches(images[:7], extractor, count=5, seed=1).features)


def test_blur_is_seen_and_other_images_of_the_kind_are_not() -> None:
    real, again, soft = (
        describe_patches(images, Contrast()) for images in (noise(40, 0), noise(40, 1), noise(40, 2, blur=0.6))
    )
    same, blurred = patch_kid(real, again), patch_kid(real, soft)
    assert same.low < same.value < same.high
    assert blurred.value > 10 * blurred.high
    assert same[1:] == blurred[1:]


def test_colour_images_are_described_in_their_channels() -> None:
    colour = [np.stack([image, image, image], -1) for image in noise(4, 0)]
    assert describe_patches(colour, PixelValues()).features.shape == (32, 768)
