"""Planes of an image, which may be one of gray or three of colour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from PIL import Image

from flawforge.core.arrays import Bools, Floats32

Plane = TypeVar("Plane", Floats32, Bools)


def to_like(plane: Plane, like: Floats32) -> Plane:
    """Return a plane (H, W) so that it goes with pixels (H, W) or (H, W, 3)."""
    return plane if like.ndim == 2 else plane[..., None]


def resized(pixels: Floats32, size: Sequence[int], resample: Image.Resampling = Image.Resampling.BICUBIC) -> Floats32:
    """Return (H, W) or (H, W, 3) float32 resized to (height, width) `size`; one that fits is returned as it is."""
    if pixels.shape[:2] == tuple(size):
        return pixels
    if pixels.ndim == 3:
        return np.stack([resized(pixels[..., channel], size, resample) for channel in range(3)], axis=-1)
    image = Image.fromarray(np.ascontiguousarray(pixels, dtype=np.float32))
    return np.asarray(image.resize((size[1], size[0]), resample), dtype=np.float32)
