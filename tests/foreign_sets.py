"""Images as other tools leave them: one texture, stored in every way that could decide a verdict by itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

SIDE = 64
Draw = Callable[[Path, np.ndarray], None]


def surface(seed: int, side: int = SIDE) -> np.ndarray:
    """A grained surface with a bright scratch, of a piece of material of its own."""
    rng = np.random.default_rng(seed)
    ground = gaussian_filter(rng.standard_normal((side, side)), 1) * rng.uniform(25, 45) + rng.uniform(90, 140)
    ground += rng.normal(0, 4, (side, side))
    row, slope = rng.uniform(0.1, 0.9) * side, rng.uniform(-0.7, 0.7)
    y, x = np.mgrid[:side, :side]
    ground += 70 * np.exp(-((y - row - slope * (x - side / 2)) ** 2) / rng.uniform(2, 6))
    return np.clip(ground, 0, 255).astype(np.uint8)


def as_png(path: Path, pixels: np.ndarray) -> None:
    Image.fromarray(pixels).save(path.with_suffix(".png"))


def as_jpeg(path: Path, pixels: np.ndarray) -> None:
    Image.fromarray(pixels).save(path.with_suffix(".jpg"), quality=70)


def as_colour(path: Path, pixels: np.ndarray) -> None:
    """Gray stored as RGB, with the faint colours that a generator of colour images leaves."""
    tint = np.random.default_rng(int(pixels.sum())).normal(0, 2, (*pixels.shape, 3))
    as_png(path, np.clip(pixels[..., None] + tint - tint.mean(axis=2, keepdims=True), 0, 255).astype(np.uint8))


def enlarged(path: Path, pixels: np.ndarray) -> None:
    """Made at half the size, and enlarged to twice that of the real ones."""
    side = len(pixels)
    small = Image.fromarray(pixels).resize((side // 2, side // 2), Image.Resampling.LANCZOS)
    small.resize((2 * side, 2 * side), Image.Resampling.BICUBIC).save(path.with_suffix(".png"))


def bordered(path: Path, pixels: np.ndarray) -> None:
    as_png(path, np.pad(pixels, ((8, 8), (8, 8))))


def deep(path: Path, pixels: np.ndarray) -> None:
    as_png(path, (pixels.astype(np.uint16) * 257))


WAYS: dict[str, Draw] = {
    "flat JPEG": as_jpeg,
    "RGB for gray": as_colour,
    "upscaled": enlarged,
    "bordered": bordered,
    "16 bits": deep,
}


def folder(path: Path, seeds: range, draw: Draw = as_png) -> Path:
    """Draw a flat folder."""
    path.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        draw(path / f"{seed:05d}", surface(seed))
    return path
