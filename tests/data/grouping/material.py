"""Drawn material: pictures whose crops overlap where we say so."""

from __future__ import annotations

import numpy as np
import scipy.ndimage as nd


def texture(seed: int, height: int, width: int, *, grain: float = 1.5) -> np.ndarray:
    """A picture (H, W), 0..255 float32, of rough material: noise of two grains under uneven light."""
    draws = np.random.default_rng(seed)
    fine = nd.gaussian_filter(draws.standard_normal((height, width)), grain)
    coarse = nd.gaussian_filter(draws.standard_normal((height, width)), 4 * grain)
    light = np.linspace(100, 150, width)
    return np.clip(light + 25 * fine / fine.std() + 15 * coarse / coarse.std(), 0, 255).astype(np.float32)


def photographed(image: np.ndarray, seed: int, *, noise: float = 4.0, gain: float = 1.0) -> np.ndarray:
    """The image as a camera gives it: whole numbers, with noise, under another exposure."""
    rough = image * gain + noise * np.random.default_rng(seed).standard_normal(image.shape)
    return np.rint(np.clip(rough, 0, 255)).astype(np.float32)


def crops(seed: int, size: int = 128) -> list[np.ndarray]:
    """Five crops of one picture: 0 and 1 share half, 1 and 2 a quarter, 3 shares a strip with 0, 4 shares nothing."""
    picture = texture(seed, 4 * size, 4 * size)
    corners = [
        (size, size),
        (size, size + size // 2),
        (size + size // 2, size),
        (size - size * 3 // 4, size),
        (0, 3 * size),
    ]
    return [photographed(picture[y : y + size, x : x + size], seed * 10 + n) for n, (y, x) in enumerate(corners)]


def cell(seed: int) -> np.ndarray:
    """A solar cell: the same frame and busbars in each, over its own texture."""
    image = 150 + (texture(seed, 240, 240, grain=3) - 128) * 0.4
    for edge in (slice(0, 5), slice(-5, None)):
        image[edge], image[:, edge] = 20, 20
    for bar in (55, 120, 185):
        image[bar - 2 : bar + 2, 5:-5:2] = 30
        image[bar - 3 : bar + 3, 5:-5:24] = 90
    return photographed(image, seed)


def streak(seed: int, *, grain: float = 4.0) -> np.ndarray:
    """A picture (240, 128) with the same lines down its rows at any seed, over faint grain of its own along them."""
    fine = nd.gaussian_filter(np.random.default_rng(seed).standard_normal((240, 128)), (4.0, 1.0))
    lines = nd.gaussian_filter(np.random.default_rng(77).standard_normal(128), 2.0)
    return np.asarray(np.clip(120 + 30 * lines / lines.std() + grain * fine / fine.std(), 0, 255), dtype=np.float32)
