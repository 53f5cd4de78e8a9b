"""The copy score: disguised copies score high, unlike images and straight grooves do not."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage as nd
import torch
from PIL import Image
from torch.nn import functional as F

from flawforge.metrics.copying.copy_score import copy_scores
from flawforge.metrics.copying.normalised_texture import SYMMETRIES, apply_symmetry, normalised_textures, smooth
from flawforge.metrics.copying.placement import TextureSpectra, fits


def texture(seed: int, side: int = 96) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rough = sum(nd.gaussian_filter(rng.standard_normal((side, side)), s) * s for s in (1.2, 3.0, 6.0))
    return np.clip(128 + 25 * rough / rough.std(), 0, 255).astype(np.float32)


def stack(images: list[np.ndarray]) -> torch.Tensor:
    return normalised_textures(torch.from_numpy(np.stack(images).copy()))


@pytest.fixture(scope="module")
def known() -> TextureSpectra:
    return TextureSpectra.of(stack([texture(seed) for seed in range(6)]))


def test_an_image_is_its_own_copy_and_the_map_is_the_identity(known: TextureSpectra) -> None:
    found = copy_scores(stack([texture(4)]), known)
    assert found.indices.tolist() == [4]
    assert found.scores[0] > 0.8
    assert np.allclose(found.matrices[0], np.eye(2, 3), atol=0.01)


@pytest.mark.parametrize("symmetry", range(8))
def test_each_symmetry_is_seen_through_and_the_map_lays_it_back(known: TextureSpectra, symmetry: int) -> None:
    source = torch.from_numpy(texture(2))
    found = copy_scores(stack([apply_symmetry(source, symmetry).numpy()]), known)
    assert found.indices.tolist() == [2], SYMMETRIES[symmetry]
    assert found.scores[0] > 0.8
    grid = F.affine_grid(torch.from_numpy(found.matrices).float(), [1, 1, 96, 96], align_corners=False)
    back = F.grid_sample(source[None, None], grid, padding_mode="border", align_corners=False)
    assert float((back[0, 0] - apply_symmetry(source, symmetry)).abs().mean()) < 2


def test_an_image_fits_under_a_symmetry_as_its_mirror_image_fits_as_it_is(known: TextureSpectra) -> None:
    image = stack([texture(9)])
    under = fits(image, known, torch.arange(8)[None]).values[0]
    mirrored = torch.cat([apply_symmetry(image, symmetry) for symmetry in range(8)])
    alone = fits(mirrored, known, torch.zeros(8, 1, dtype=torch.int64)).values[:, 0]
    assert under.tolist() == pytest.approx(alone.tolist(), abs=1e-5)


def test_light_changes_nothing_and_noise_little(known: TextureSpectra) -> None:
    image = texture(1)
    dark = copy_scores(stack([image * 0.5 + 20]), known)
    rough = copy_scores(stack([image + np.random.default_rng(0).normal(0, 10, image.shape)]), known)
    assert dark.scores[0] > 0.8
    assert rough.scores[0] > 0.4


def test_a_negative_is_a_copy_and_told_as_one(known: TextureSpectra) -> None:
    found = copy_scores(stack([255 - texture(2), texture(2)]), known)
    assert found.indices.tolist() == [2, 2]
    assert found.scores.min() > 0.8
    assert found.negatives.tolist() == [True, False]


@pytest.mark.parametrize("angle", [-14.0, -6.0, 11.0, 15.0])
def test_a_tilted_copy_is_found_and_the_map_lays_it_back(known: TextureSpectra, angle: float) -> None:
    image = nd.rotate(texture(3), angle, reshape=False, mode="reflect", order=1)
    found = copy_scores(stack([image]), known)
    assert found.indices.tolist() == [3]
    assert found.scores[0] > 0.5
    turned_by = np.degrees(np.arctan2(found.matrices[0, 0, 1], found.matrices[0, 0, 0]))
    assert abs(abs(turned_by) - abs(angle)) < 1.5


def test_a_part_of_an_image_is_found_to_an_eighth_of_a_pixel(known: TextureSpectra) -> None:
    """Steps at half the size alone come to 0.2 pixels on average, and 0.4 at worst."""
    parts = [Image.fromarray(texture(seed)[7:87, 3:83]).resize((96, 96), Image.Resampling.BICUBIC) for seed in range(6)]
    found = copy_scores(stack([np.asarray(part) for part in parts]), known)
    size = 80 / 96
    true = np.array([[size, 0, 2 * 43 / 96 - 1], [0, size, 2 * 47 / 96 - 1]])
    assert found.indices.tolist() == list(range(6))
    assert np.abs(found.matrices - true).max() < 0.0026  # 2 is the whole side of 96 pixels


def test_an_image_pieced_together_of_two_is_found(known: TextureSpectra) -> None:
    image = np.hstack([texture(1)[:, :48], texture(5)[:, 48:]])
    found = copy_scores(stack([image]), known)
    assert found.indices[0] in (1, 5)
    assert found.scores[0] > 0.45


def test_new_images_score_low(known: TextureSpectra) -> None:
    assert copy_scores(stack([texture(seed) for seed in range(100, 110)]), known).scores.max() < 0.3


def test_straight_grooves_prove_nothing() -> None:
    """Two pictures of the same grooves fit at every shift along them: no evidence of a copy."""
    grooves = np.tile(nd.gaussian_filter1d(np.random.default_rng(0).standard_normal(96), 1.5) * 40 + 128, (96, 1))
    one, other = (grooves + np.random.default_rng(seed).normal(0, 3, (96, 96)) for seed in (1, 2))
    found = copy_scores(stack([one.astype(np.float32)]), TextureSpectra.of(stack([other.astype(np.float32)])))
    assert found.scores[0] < 0.25


def test_a_flat_image_is_nobodys_copy(known: TextureSpectra) -> None:
    assert copy_scores(stack([np.full((96, 96), 90, np.float32)]), known).scores[0] < 0.05


def test_only_the_views_named_are_looked_at_and_batches_do_not_matter(known: TextureSpectra) -> None:
    images = stack([texture(seed) for seed in (0, 1, 2, 3, 4, 5, 0, 1, 2, 3)])
    together = copy_scores(images, known)
    alone = copy_scores(images[9:], known)
    assert alone.scores[0] == pytest.approx(together.scores[9], abs=1e-4)
    few = copy_scores(images[:3], known, np.array([[8 * 3, -1], [-1, -1], [8 * 2 + 1, 8 * 2]]))
    assert few.indices.tolist() == [3, -1, 2]
    assert few.scores[1] == -1
    assert few.matrices[2] == pytest.approx(together.matrices[2], abs=0.01)
    mirrored = copy_scores(images[2:3], known, np.array([[8 * 2 + 1]]))
    assert mirrored.scores[0] < few.scores[2] / 2


def test_smoothing_keeps_the_mean_of_a_flat_image() -> None:
    assert torch.allclose(smooth(torch.full((1, 64, 64), 7.0), 3.0), torch.full((1, 64, 64), 7.0), atol=1e-5)
