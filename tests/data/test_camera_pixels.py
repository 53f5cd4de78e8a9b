from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from flawforge.data.camera_pixels import PixelRange, pixel_range


def surface(height: int = 96, width: int = 96, low: int = 300, high: int = 3500) -> NDArray[np.uint16]:
    return np.random.default_rng(0).integers(low, high, (height, width)).astype(np.uint16)


def with_spots(value: int, *spots: tuple[int, int], low: int = 300, high: int = 3500) -> NDArray[np.uint16]:
    pixels = surface(low=low, high=high)
    for row, column in spots:
        pixels[row, column] = value
    return pixels


@pytest.mark.parametrize("spots", [[(3, 3)], [(0, 0)], [(95, 40)], [(3, 3), (3, 4)], [(3, 3), (50, 60), (9, 90)]])
def test_hot_pixels_are_no_part_of_the_peak(spots: list[tuple[int, int]]) -> None:
    pixels = with_spots(65535, *spots)
    plain = surface()
    for spot in spots:
        plain[spot] = 0
    assert pixel_range(pixels) == PixelRange(int(plain.max()), 65535, len(spots), 0)


def test_glare_is_no_hot_pixel_however_small() -> None:
    """Three by three pixels of glare are 9 of 9,216; their corners alone would pass for hot."""
    pixels = surface()
    pixels[10:13, 20:23] = 16000
    assert pixel_range(pixels).peak == 16000
    pixels[40:42, 40:42] = 60000  # four pixels: each has three bright neighbours
    assert pixel_range(pixels).peak == 60000


def test_many_bright_pixels_are_the_picture_s_own() -> None:
    """Sparkle on metal: isolated, but more of it than a sensor has hot pixels."""
    pixels = surface()
    pixels[::8, ::8] = 9000
    assert pixel_range(pixels) == PixelRange(9000, 9000, 0, 0)


def test_noise_that_just_passes_a_camera_depth_is_not_hot() -> None:
    pixels = with_spots(1040, (5, 5), low=900, high=1020)
    assert pixel_range(pixels) == PixelRange(1040, 1040, 0, 0)


def test_dead_pixels_are_zeros_among_bright_ones() -> None:
    assert pixel_range(with_spots(0, (5, 5), (30, 31), low=1500)).dead == 2
    assert pixel_range(with_spots(0, (5, 5), low=1, high=5)).dead == 0
    dark = surface(low=1500)
    dark[40:43, 40:43] = 0  # a hole
    assert pixel_range(dark).dead == 0
    assert pixel_range(surface(low=0, high=3)).dead == 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 2), (3, 3)])
def test_the_smallest_images(shape: tuple[int, int]) -> None:
    pixels = np.full(shape, 700, np.uint16)
    assert pixel_range(pixels) == PixelRange(700, 700, 0, 0)
    pixels[0, 0] = 65535
    assert pixel_range(pixels).brightest == 65535


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 12), st.sampled_from([3, 1000, 5000, 65536]))
def test_any_image_has_a_peak_below_its_brightest(seed: int, height: int, width: int, top: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, top, (height, width)).astype(np.uint16)
    found = pixel_range(pixels)
    assert found.peak <= found.brightest == pixels.max()
    assert found.hot + found.dead <= pixels.size
    assert (found.peak == found.brightest) or found.hot
