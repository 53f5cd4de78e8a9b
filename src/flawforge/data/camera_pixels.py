"""Pixels that the camera made and not the surface: hot and dead ones of a sensor, told from glare by their neighbours.

A 12-bit camera whose one hot pixel says 65535 would else make a whole dataset 16 times darker.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flawforge.core.arrays import Bools, Ints
from flawforge.core.images import WHITES, Pixels

RARE = 1e-4  # share of an image's pixels; more than these are the picture's own
FEW = 4  # pixels that count as rare in any image
FAR = 2  # a hot pixel is more than so many times as bright as the median of its neighbours
DARK = 8  # a dead pixel's neighbours have a median above the peak divided by this, and above FAINT
FAINT = 16


@dataclass(frozen=True)
class PixelRange:
    """How bright the pixels of a 16-bit image are.

    Attributes:
        peak: the largest value that is not of a hot pixel.
        brightest: the largest value.
        hot: pixels that are far above their neighbours and above the camera depth that holds nearly all others.
        dead: zeros among bright neighbours.
    """

    peak: int
    brightest: int
    hot: int
    dead: int


def pixel_range(pixels: Pixels) -> PixelRange:
    """Return what (H, W) uint16 pixels reach, hot ones apart.

    A bright region is no hot pixel, however small a part of the image it is: of a hot pixel's eight neighbours, one at
    most is as bright.
    """
    brightest = int(pixels.max())
    rare = max(FEW, int(RARE * pixels.size))
    depth = next(white for white in WHITES[1:] if brightest <= white or np.count_nonzero(pixels > white) <= rare)
    peak, hot = brightest, 0
    if brightest > depth:
        rows, columns = np.nonzero(pixels > depth)
        around = _neighbours(pixels, rows, columns)
        values = pixels[rows, columns].astype(np.int64)
        alone = (values > FAR * np.median(around, axis=1)) & ((around > depth).sum(axis=1) <= 1)
        hot = int(alone.sum())
        peak = int(values[~alone].max()) if not alone.all() else int(pixels[pixels <= depth].max(initial=0))
    return PixelRange(peak, brightest, hot, _dead(pixels, peak, rare))


def _dead(pixels: Pixels, peak: int, rare: int) -> int:
    zeros: Bools = pixels == 0
    if not 0 < np.count_nonzero(zeros) <= rare:
        return 0
    around = _neighbours(pixels, *np.nonzero(zeros))
    return int(((np.median(around, axis=1) > max(FAINT, peak / DARK)) & ((around == 0).sum(axis=1) <= 1)).sum())


def _neighbours(pixels: Pixels, rows: Ints, columns: Ints) -> Ints:
    """Return (N, 8) values around N pixels; beyond the border the picture is mirrored."""
    padded = np.pad(pixels, 1, mode="reflect").astype(np.int64)
    steps = [(down, right) for down in (0, 1, 2) for right in (0, 1, 2) if (down, right) != (1, 1)]
    return np.stack([padded[rows + down, columns + right] for down, right in steps], axis=1)
