"""Masks as PNG files."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from flawforge.core.arrays import Bools, Bytes

COLOURS = (  # of the palette, from index 1 on, repeated where there are more classes
    (230, 60, 50), (60, 180, 75), (255, 225, 25), (0, 130, 200), (245, 130, 48),
    (145, 30, 180), (70, 240, 240), (240, 50, 230), (210, 245, 60), (170, 110, 40),
)  # fmt: skip


def mask_png(mask: Bools) -> bytes:
    """Return an 8-bit gray PNG, 255 where the (H, W) mask is True, else 0."""
    return _png(Image.fromarray(mask.astype(np.uint8) * np.uint8(255)))


def palette_png(indices: Bytes) -> bytes:
    """Return a palette PNG of (H, W) indices; 0 is black, and the background."""
    image = Image.fromarray(indices).convert("P")
    colours = [(0, 0, 0), *(COLOURS[index % len(COLOURS)] for index in range(255))]
    image.putpalette([value for colour in colours for value in colour])
    return _png(image)


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
