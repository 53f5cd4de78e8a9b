"""The normalised texture: light and contrast change nothing, and what is flat stays flat."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from flawforge.metrics.copying.normalised_texture import SIDE, SYMMETRIES, apply_symmetry, normalised_textures, smooth


def rough(side: int = 96, seed: int = 0) -> torch.Tensor:
    values = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((side, side)), 2.0)
    return torch.from_numpy(128 + 25 * values / values.std()).float()


def test_a_texture_has_mean_0_and_contrast_about_1_and_does_not_see_the_light() -> None:
    image = rough()
    bright, dark = normalised_textures(torch.stack([image * 0.9 + 40, image * 0.4]))
    assert bright.shape == (SIDE, SIDE)
    assert abs(float(bright.mean())) < 0.05
    assert 0.6 < float(bright.std()) < 1.2
    assert float((bright - dark).abs().mean()) < 0.02


@pytest.mark.parametrize("side", [40, 96, 200])
def test_a_flat_image_of_any_size_gives_0(side: int) -> None:
    assert float(normalised_textures(torch.full((1, side, side + 8), 90)).abs().max()) < 1e-3


def test_a_slow_change_of_light_is_taken_away_and_structure_stays() -> None:
    image = rough(128)
    lit = image + torch.linspace(0, 100, 128)[None]
    plain, slope = normalised_textures(torch.stack([image, lit]))[:, 8:-8, 8:-8]
    assert np.corrcoef(plain.flatten(), slope.flatten())[0, 1] > 0.99


def test_rows_are_computed_in_blocks_with_one_result() -> None:
    images = torch.stack([rough(seed=seed) for seed in range(5)])
    torch.testing.assert_close(normalised_textures(images, rows=2), normalised_textures(images))


@pytest.mark.parametrize("sigma", [0.7, 2.0])
def test_smoothing_is_scipys_gaussian(sigma: float) -> None:
    image = rough(30)
    expected = ndimage.gaussian_filter(
        image.double().numpy(), sigma, mode="mirror", radius=max(1, int(3 * sigma + 0.5))
    )
    assert np.allclose(smooth(image[None], sigma)[0].numpy(), expected, atol=1e-3)
    assert smooth(image[None], 0.2)[0].equal(image)


def test_the_eight_symmetries_are_numbered_by_their_bits() -> None:
    image = torch.arange(6.0).view(2, 3)
    expected = {
        "identity": image,
        "flip-horizontal": image.flip(1),
        "flip-vertical": image.flip(0),
        "turn-180": torch.rot90(image, 2),
        "transpose": image.T,
        "turn-90": torch.rot90(image, 1),
        "turn-270": torch.rot90(image, -1),
        "transverse": torch.rot90(image, 2).T,
    }
    for number, name in enumerate(SYMMETRIES):
        assert apply_symmetry(image, number).equal(expected[name]), name
