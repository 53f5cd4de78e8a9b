"""House rule 7 for the power spectra."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from flawforge.metrics.fidelity.spectrum import fine_difference, radial_spectra, ring_frequencies, spectrum_distance
from metrics.contract import MetricContract, Sets


def noise(n: int, side: int = 32, seed: int = 0, scale: float = 0.1) -> torch.Tensor:
    return scale * torch.randn(n, 1, side, side, generator=torch.Generator().manual_seed(seed))


def smooth(images: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.avg_pool2d(images, 3, 1, 1)


def ring_powers(image: np.ndarray) -> np.ndarray:
    """Return the decibels of each ring of a square image, from numpy's full transform."""
    side = len(image)
    window = np.outer(*[0.5 - 0.5 * np.cos(2 * np.pi * np.arange(side) / side)] * 2)
    mean = (image * window).sum() / window.sum()
    power = np.abs(np.fft.fft2((image - mean) * window)) ** 2 / (window**2).sum()
    edges = np.linspace(0.5 / side, 0.5, len(ring_frequencies(side, side)) + 1)
    f = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)[None, :])
    rings = [power[(f >= low) & ((f < high) | ((f <= 0.5) & (high == 0.5)))].mean() for low, high in pairwise(edges)]
    return 10 * np.log10(rings)


class TestSpectra(MetricContract):
    """The distance and the difference in fine structure of two sets of images; the fault is blur."""

    faults = (0, 0.3, 0.6, 1)

    def measure(self, *sets: Any) -> Any:
        spectra = [np.concatenate([radial_spectra(part) for part in torch.split(x, 3)]) for x in sets]  # in batches
        return [spectrum_distance(*spectra), -fine_difference(*spectra)]

    def reference(self, *sets: Any) -> Any:
        means = [np.mean([ring_powers(image[0].double().numpy()) for image in x], axis=0) for x in sets]
        apart = means[1] - means[0]
        return [np.sqrt(np.square(apart).mean()), -apart[len(apart) // 2 :].mean()]

    def sets(self, seed: int, fault: float, sizes: tuple[int, ...] = (20, 30)) -> Sets:
        other = noise(sizes[1], seed=seed + 1)
        return noise(sizes[0], seed=seed), (1 - fault) * other + fault * smooth(other)

    def identical(self) -> Any:
        x = noise(8)
        return (x, x.expand(-1, 3, -1, -1)), [0, 0]

    def swapped(self, real: Any, generated: Any) -> Any:
        distance, coarser = self.measure(real, generated)
        return (generated, real), [distance, -coarser]

    def closed_forms(self) -> Any:
        gain = 20 * np.log10(2)  # shifts all rings alike
        return [((noise(6), noise(6, scale=0.2)), [gain, -gain])]

    def test_one_sided(self) -> None:
        real, other = noise(40), noise(40, seed=1)
        assert self.measure(real, smooth(other))[1] > 5
        assert self.measure(real, other + noise(40, seed=2))[1] < -2


def test_closed_form_white_noise_has_its_variance_in_every_ring() -> None:
    """E S = v = 0.04. The mean of 400 images and of the ring's waves (4 or more, each exponential) is off by 5 % at
    5 standard errors. The lowest ring lost a part with the mean.
    """
    power = 10 ** (radial_spectra(noise(400, 16, scale=0.2)) / 10)
    assert power.mean(axis=0)[1:] == pytest.approx(np.full(6, 0.04), rel=0.1)


@pytest.mark.parametrize("side", [16, 17, 64])
def test_a_wave_stands_in_the_ring_of_its_frequency(side: int) -> None:
    frequencies = ring_frequencies(side, side)
    for cycles in range(2, side // 2):
        wave = torch.cos(2 * torch.pi * cycles / side * torch.arange(side)).expand(1, 1, side, side)
        for image in (wave, wave.transpose(2, 3)):
            spectrum = radial_spectra(image)[0]
            nearest = np.abs(frequencies - cycles / side).min()
            assert abs(frequencies[spectrum.argmax()] - cycles / side) <= nearest + 1 / side


def test_every_ring_holds_some_wave() -> None:
    for height, width in ((4, 4), (5, 9), (16, 24), (64, 64), (128, 96), (200, 200)):
        spectra = radial_spectra(0.3 * torch.randn(1, 1, height, width))
        assert spectra.shape == (1, len(ring_frequencies(height, width)))
        assert spectra.min() > -60


def test_brightness_is_not_in_it_and_a_flat_image_is_the_floor() -> None:
    x = noise(3)
    assert radial_spectra(x + 0.3) == pytest.approx(radial_spectra(x), abs=1e-3)
    assert radial_spectra(torch.full((1, 1, 8, 8), 0.5)) == pytest.approx(np.full((1, 3), -100.0))


def test_too_small_images_are_told() -> None:
    with pytest.raises(ValueError) as caught:
        radial_spectra(torch.zeros(1, 1, 3, 8))
    assert str(caught.value) == "images are 8x3; a spectrum needs sides of at least 4 pixels"
