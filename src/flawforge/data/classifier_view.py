"""An image as every classifier sees it: in a trial, and where a trial's model is used."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from flawforge.core.arrays import Bytes
from flawforge.core.images import Pixels, eight_bits, resize, to_gray

QUALITY = 92  # of the JPEG encoding that all images pass when the sources are JPEG


def seen(pixels: Pixels, white: int, channels: int, resolution: tuple[int, int], jpeg: bool) -> Bytes:
    """Return (C, H, W) uint8: one image as every classifier sees it, whether it is real or generated.

    Args:
        pixels: (H, W) gray or (H, W, 3), 0 to `white`, at the size of the real images.
        white: pixel value of white.
        channels: 1 takes the luma of colour images, 3 repeats gray.
        resolution: (height, width) of the result.
        jpeg: encode as JPEG and decode again first.
    """
    image = eight_bits(pixels, white)
    if channels == 1 and image.ndim == 3:
        image = to_gray(image)
    if jpeg:
        buffer = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(image)).save(buffer, "JPEG", quality=QUALITY)
        image = np.asarray(Image.open(buffer))
    image = resize(image, *resolution)
    planes = image[None] if image.ndim == 2 else image.transpose(2, 0, 1)
    return np.ascontiguousarray(planes.repeat(channels, axis=0) if len(planes) < channels else planes).astype(np.uint8)
