"""Masks as PNG files."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from flawforge.core.arrays import Bools, Bytes


def _channel(index: int, channel: int) -> int:
    return sum((index >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(3))


PALETTE = tuple((_channel(index, 0), _channel(index, 1), _channel(index, 2)) for index in range(255))
"""The colour of each index, by the bits of the index: black for the background, and no colour twice."""


def mask_png(mask: Bools) -> bytes:
    """Return an 8-bit gray PNG, 255 where the (H, W) mask is True, else 0."""
    return _png(Image.fromarray(mask.astype(np.uint8) * np.uint8(255)))


def palette_png(indices: Bytes) -> bytes:
    """Return a palette PNG of (H, W) indices; 0 is black, and the background."""
    image = Image.fromarray(indices).convert("P")
    image.putpalette([value for colour in PALETTE for value in colour])
    return _png(image)


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
