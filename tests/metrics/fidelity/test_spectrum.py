"""House rule 7 for the power spectra."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from flawforge.metrics.fidelity.spectrum import fine_difference, radial_spectra, ring_frequencies, spectrum_distance


def noise(n: int, side: int = 32, seed: int = 0, scale: float = 0.1) -> torch.Tensor:
    return scale * torch.randn(n, 1, side, side, generator=torch.Generator().manual_seed(seed))


def smooth(images: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.avg_pool2d(images, 3, 1, 1)


def test_identity() -> None:
    spectra = radial_spectra(noise(8))
    assert spectrum_distance(spectra, spectra) == 0
    assert fine_difference(spectra, spectra) == 0


def test_swap_changes_the_sign_of_the_difference_and_not_the_distance() -> None:
    x, y = radial_spectra(noise(8)), radial_spectra(smooth(noise(8, seed=1)))
    assert spectrum_distance(x, y) == spectrum_distance(y, x)
    assert fine_difference(x, y) == -fine_difference(y, x)


def test_closed_form_white_noise_has_its_variance_in_every_ring() -> None:
    """E S = v = 0.04. The mean of 400 images and of the ring's waves (4 or more, each exponential) is off by 5 % at
    5 standard errors. The lowest ring lost a part with the mean.
    """
    power = 10 ** (radial_spectra(noise(400, 16, scale=0.2)) / 10)
    assert power.mean(axis=0)[1:] == pytest.approx(np.full(6, 0.04), rel=0.1)


def test_closed_form_a_gain_shifts_all_rings_alike() -> None:
    x = radial_spectra(noise(6))
    y = radial_spectra(noise(6, scale=0.2))
    assert spectrum_distance(x, y) == pytest.approx(20 * np.log10(2), abs=1e-5)
    assert fine_difference(x, y) == pytest.approx(20 * np.log10(2), abs=1e-5)


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


def test_it_grows_with_the_fault_and_tells_its_two_directions_apart() -> None:
    real, other = noise(40), noise(40, seed=1)
    x = radial_spectra(real)
    blurred = [radial_spectra(other), radial_spectra(smooth(other)), radial_spectra(smooth(smooth(other)))]
    values = [spectrum_distance(x, y) for y in blurred]
    assert values == sorted(values)
    assert fine_difference(x, blurred[1]) < -5
    assert fine_difference(x, radial_spectra(other + noise(40, seed=2))) > 2


def test_unequal_sizes_batches_and_channels() -> None:
    x, y = noise(7), noise(11, seed=1)
    whole = radial_spectra(x)
    assert np.concatenate([radial_spectra(x[:3]), radial_spectra(x[3:])]) == pytest.approx(whole, abs=1e-9)
    assert radial_spectra(x.expand(-1, 3, -1, -1)) == pytest.approx(whole, abs=1e-9)
    assert spectrum_distance(whole, radial_spectra(y)) < 1.5


def test_an_independent_reference() -> None:
    image = noise(1, 12)[0, 0].double().numpy()
    window = np.outer(*[0.5 - 0.5 * np.cos(2 * np.pi * np.arange(12) / 12)] * 2)
    mean = (image * window).sum() / window.sum()
    power = np.abs(np.fft.fft2((image - mean) * window)) ** 2 / (window**2).sum()
    edges = np.linspace(0.5 / 12, 0.5, 6)
    f = np.hypot(np.fft.fftfreq(12)[:, None], np.fft.fftfreq(12)[None, :])
    rings = [power[(f >= low) & ((f < high) | ((f <= 0.5) & (high == 0.5)))].mean() for low, high in pairwise(edges)]
    assert radial_spectra(noise(1, 12))[0] == pytest.approx(10 * np.log10(rings), abs=1e-6)


def test_too_small_images_are_told() -> None:
    with pytest.raises(ValueError) as caught:
        radial_spectra(torch.zeros(1, 1, 3, 8))
    assert str(caught.value) == "images are 8x3; a spectrum needs sides of at least 4 pixels"
