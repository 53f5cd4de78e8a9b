"""The classical transforms of an image, which need no generator: what generated images have to beat."""

from __future__ import annotations

import numpy as np

from flawforge.core.images import Pixels

SHIFT = 0.06  # of a side, at most
BRIGHTNESS = 0.08  # of white, at most


def classical(pixels: Pixels, white: int, rng: np.random.Generator) -> Pixels:
    """Return an image mirrored at random along both axes, shifted by up to 6% (the border mirrored) and made brighter
    or darker by up to 8% of white. Same shape and type.

    Args:
        pixels: (H, W) or (H, W, 3), 0 to `white`.
        white: pixel value of white.
        rng: where the choices come from; each image takes the same number of draws.
    """
    flip_rows, flip_columns = rng.random(2) < 0.5
    shift = [round(float(part) * SHIFT * side) for part, side in zip(rng.uniform(-1, 1, 2), pixels.shape, strict=False)]
    level = float(rng.uniform(-BRIGHTNESS, BRIGHTNESS)) * white
    image = pixels[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]
    pad = [(max(0, step), max(0, -step)) for step in shift] + [(0, 0)] * (pixels.ndim - 2)
    padded = np.pad(image, pad, mode="symmetric")
    top, left = (max(0, -step) for step in shift)
    moved = padded[top : top + pixels.shape[0], left : left + pixels.shape[1]]
    out: Pixels = np.clip(np.rint(moved.astype(np.float64) + level), 0, white).astype(pixels.dtype)
    return out
