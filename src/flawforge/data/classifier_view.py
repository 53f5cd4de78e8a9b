"""An image as every classifier sees it: in a trial, and where a trial's model is used."""

from __future__ import annotations

import numpy as np

from flawforge.core.arrays import Bytes
from flawforge.core.images import Pixels, as_planes
from flawforge.data.levelling import Level


def seen(pixels: Pixels, white: int, channels: int, resolution: tuple[int, int], quality: int | None) -> Bytes:
    """Return (C, H, W) uint8: one image as every classifier sees it, whether it is real or generated.

    Args:
        pixels: (H, W) gray or (H, W, 3), 0 to `white`, at the size of the real images.
        white: pixel value of white.
        channels: 1 takes the luma of colour images, 3 repeats gray.
        resolution: (height, width) of the result.
        quality: encode as JPEG of this quality and decode again first; None: not.
    """
    return np.ascontiguousarray(as_planes(Level(channels, resolution, quality).apply(pixels, white)))
