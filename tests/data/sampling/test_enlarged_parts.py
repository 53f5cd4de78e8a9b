"""Enlarged parts are found at any factor up to two, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flawforge.core.images import Pixels, resize
from flawforge.data.dataset import Dataset
from flawforge.data.reading.load import load
from flawforge.data.sampling.enlarged_parts import LARGEST, STEP, enlargements, find_enlarged
from saved import saved


def material(seed: int, height: int = 160, width: int = 180) -> Pixels:
    """Return a grainy picture with structure at several scales."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width))
    for grain in (3, 6, 14):
        coarse = rng.uniform(0, 255, (height // grain, width // grain)).astype(np.uint8)
        total += resize(coarse, height, width)
    return (total / 3).astype(np.uint8)


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Eight pictures of different material."""
    return dataset(tmp_path_factory.mktemp("originals"), [material(seed) for seed in range(8)])


def dataset(folder: Path, images: list[Pixels]) -> Dataset:
    """Return images as a dataset."""
    return load(saved(folder, images))


def part(image: Pixels, factor: float) -> Pixels:
    """Return a part of an image, off its middle, enlarged to the image's size."""
    height, width = (round(side / factor) for side in image.shape[:2])
    top, left = (image.shape[0] - height) // 3, 2 * (image.shape[1] - width) // 3
    return resize(np.ascontiguousarray(image[top : top + height, left : left + width]), *image.shape[:2])


@pytest.mark.parametrize("factor", [1.07, pytest.param(1.25, marks=pytest.mark.nightly), 1.9])
def test_an_enlarged_part_is_found_and_told_of_which_image(originals: Dataset, tmp_path: Path, factor: float) -> None:
    suspects = dataset(tmp_path, [material(90), part(material(5), factor)])
    assert find_enlarged(suspects, originals).tolist() == [[1, 5]]


def test_it_is_found_mirrored_and_turned_in_another_light_and_in_colour(originals: Dataset, tmp_path: Path) -> None:
    piece = np.rot90(part(material(2), 1.3)[:, ::-1])
    dim = (piece * 0.6 + 30).astype(np.uint8)
    suspects = dataset(tmp_path, [np.ascontiguousarray(np.stack([dim, dim, dim // 2 + 20], axis=-1))])
    assert find_enlarged(suspects, originals).tolist() == [[0, 2]]


def test_it_is_found_in_large_images_of_sixteen_bits(tmp_path: Path) -> None:
    wide = [resize(material(seed).astype(np.uint16) * 257, 640, 720) for seed in range(2)]
    suspects = dataset(tmp_path / "parts", [part(wide[1], 1.4)])
    assert find_enlarged(suspects, dataset(tmp_path / "wide", wide)).tolist() == [[0, 1]]


def test_the_right_files_are_named_beside_small_ones_and_slice_by_slice(
    originals: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 1.5 times the first is too small to be tried, so that places among those that are tried are no numbers."""
    monkeypatch.setattr("flawforge.data.sampling.enlarged_parts.SLICE", 2)
    images = [material(70, 60, 70), material(71), part(material(3), 1.52), material(72), part(material(6), 1.52)]
    assert find_enlarged(dataset(tmp_path, images), originals).tolist() == [[2, 3], [4, 6]]


def test_of_two_originals_of_one_piece_the_first_is_told(tmp_path: Path) -> None:
    wide = material(40, 160, 240)
    originals = dataset(tmp_path / "originals", [material(41), wide[:, :180], wide[:, 60:]])
    suspects = dataset(tmp_path / "suspects", [part(np.ascontiguousarray(wide[:, 60:180]), 1.2)])
    assert find_enlarged(suspects, originals).tolist() == [[0, 1]]


def test_other_material_and_no_images_give_nothing(originals: Dataset, tmp_path: Path) -> None:
    others = dataset(tmp_path, [material(seed) for seed in range(20, 24)])
    assert find_enlarged(others, originals).shape == (0, 2)
    assert find_enlarged(others.take([]), originals).shape == (0, 2)


def test_the_factors_leave_no_gap() -> None:
    tried = enlargements()
    assert tried[0] == pytest.approx(STEP)
    assert np.diff(np.log(tried)).max() <= np.log(STEP) + 1e-12
    assert tried[-2] < LARGEST <= tried[-1]
