"""Test images among the training images are found by their content, and refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flawforge.core.errors import DataUnusableError
from flawforge.core.images import resize
from flawforge.data.dataset import Dataset
from flawforge.data.reading.load import load
from flawforge.studies.trial.setup.leaks import refuse_generated_leak, refuse_outside_leak, refuse_pool_leak
from flawforge.studies.trial.setup.test_split import Division, Textures, shots_of
from trial_material import divided


def test_a_test_image_in_the_pool_is_refused_by_content(grains: Dataset) -> None:
    division, _ = divided(grains)
    refuse_pool_leak(grains, division)
    copied = list(grains.samples)
    copied[division.pool[0]] = replace(copied[division.pool[0]], sha256=copied[division.test[0]].sha256)
    with pytest.raises(DataUnusableError, match="test images have leaked: 1 images to learn from"):
        refuse_pool_leak(replace(grains, samples=tuple(copied)), division)


@pytest.fixture(scope="module")
def split(grains: Dataset) -> tuple[Division, Textures]:
    return divided(grains)


@pytest.mark.parametrize("how", ["same", "other format", "cropped and mirrored", "darker and noisy", "enlarged"])
def test_unlabelled_images_that_show_a_test_image_are_refused(
    grains: Dataset, split: tuple[Division, Textures], tmp_path: Path, how: str
) -> None:
    division, textures = split
    rng = np.random.default_rng(1)
    aside = tmp_path / "more"
    aside.mkdir()
    for index in range(3):
        small = Image.fromarray(rng.uniform(40, 215, (30, 30)).astype(np.uint8))
        small.resize((96, 96), Image.Resampling.BICUBIC).save(aside / f"new_{index}.png")
    if how == "same":
        refuse_outside_leak(grains, textures, division, load(aside))
    pixels = grains.read(int(division.test[0]))
    if how == "cropped and mirrored":
        pixels = np.ascontiguousarray(pixels[10:, ::-1][:, 6:])
    if how == "darker and noisy":
        pixels = (pixels * 0.6 + rng.normal(0, 4, pixels.shape)).clip(0, 255).astype(np.uint8)
    if how == "enlarged":
        pixels = resize(np.ascontiguousarray(pixels[12:82, 20:90]), 96, 96)
    Image.fromarray(pixels).save(aside / ("innocent.bmp" if how == "other format" else "innocent.png"))
    with pytest.raises(DataUnusableError, match="test images have leaked: 1 of the 4 images") as caught:
        refuse_outside_leak(grains, textures, division, load(aside))
    assert "innocent" in str(caught.value)
    assert grains.samples[int(division.test[0])].file in str(caught.value)


def test_a_generator_that_returns_test_images_is_refused_but_one_that_repeats_its_shots_is_not(
    grains: Dataset, split: tuple[Division, Textures]
) -> None:
    division, textures = split
    shots = shots_of(grains, division, 4, 0, 0)
    rng = np.random.default_rng(0)
    repeats = [grains.read(int(i)) for i in shots]
    refuse_generated_leak(grains, textures, division, shots, repeats, "a repeater")
    stolen = grains.read(int(division.test[3]))[::-1].astype(float) + rng.normal(0, 2, (96, 96))
    made = [*repeats, stolen.clip(0, 255).astype(np.uint8)]
    with pytest.raises(DataUnusableError, match=r"1 of the 9 images that a thief made show .* generated image 8"):
        refuse_generated_leak(grains, textures, division, shots, made, "a thief")
