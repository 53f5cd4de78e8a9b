"""Normalised texture: what is left of an image when brightness, contrast and the finest noise are taken away.

Copies are compared by it, because a change of light or contrast leaves it as it was.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

SIDE = 64  # pixels of a texture
LARGE = 128  # pixels at which the texture of larger images is taken, before it is halved
FINE = 0.7 / 128  # standard deviations of the band's two Gaussians, in image sides
COARSE = 8 / 128
FAINT = 0.25  # squared gray levels (of 255) that count as flat: less is rounding and is not amplified
SHARED = 0.3  # of the image's mean contrast that is added to the local one: 0 makes noise and edges alike

SYMMETRIES = (
    "identity",
    "flip-horizontal",
    "flip-vertical",
    "turn-180",
    "transpose",
    "turn-90",
    "turn-270",
    "transverse",
)  # by number: mirrored left-right (1), mirrored up-down (2), then transposed (4); turns are counter-clockwise
INVERSE = {5: 6, 6: 5}  # quarter turns; the others undo themselves


def apply_symmetry(images: Tensor, symmetry: int) -> Tensor:
    """Return (..., H, W) images mirrored left-right (1), mirrored up-down (2), then transposed (4), by the bits."""
    images = images.flip(-1) if symmetry & 1 else images
    images = images.flip(-2) if symmetry & 2 else images
    return images.transpose(-1, -2) if symmetry & 4 else images


def normalised_textures(images: Tensor, rows: int = 64) -> Tensor:
    """Return (N, 64, 64) float32 textures, of mean about 0 and contrast about 1; a flat image gives 0.

    A band (difference of two Gaussians, 0.7 and 8 pixels of 128) over the root of its local variance, to which a share
    of the image's mean variance is added, so that one strong edge does not decide and flat parts stay quiet.

    Args:
        images: (N, H, W) gray, 0..255, any real type. Proportions are not kept: all are brought to a square.
        rows: images to compute at a time.
    """
    canvas = LARGE if min(images.shape[1:]) >= 0.75 * LARGE else SIDE
    parts = []
    for part in torch.split(images, rows):
        values = _resize(part.float(), canvas)
        band = smooth(values, FINE * canvas) - smooth(values, COARSE * canvas)
        spread = smooth(band * band, COARSE * canvas)
        band = band / torch.sqrt(spread + SHARED * spread.mean((1, 2), keepdim=True) + FAINT)
        parts.append(F.avg_pool2d(band[:, None], canvas // SIDE)[:, 0])
    return torch.cat(parts)


def smooth(images: Tensor, sigma: float) -> Tensor:
    """Return (N, H, W) images under a Gaussian of standard deviation `sigma` pixels, cut at 3 sigma, mirrored edges."""
    if sigma < 0.3:
        return images
    down, across = (_blur(side, sigma).to(images) for side in images.shape[1:])
    return down @ images @ across.T


@cache
def _blur(side: int, sigma: float) -> Tensor:
    """Return (side, side): the matrix that smooths a column."""
    reach = max(1, int(3 * sigma + 0.5))
    steps = torch.arange(-reach, reach + 1)
    weights = torch.exp(-0.5 * (steps / sigma) ** 2)
    pixels = torch.arange(side)[:, None] + steps
    pixels = pixels.abs()  # mirrored about the outermost pixel
    pixels = torch.where(pixels >= side, 2 * (side - 1) - pixels, pixels)
    return torch.zeros(side, side).scatter_add_(1, pixels, (weights / weights.sum()).expand(side, -1).contiguous())


def _resize(images: Tensor, side: int) -> Tensor:
    if tuple(images.shape[1:]) == (side, side):
        return images
    return F.interpolate(images[:, None], (side, side), mode="bilinear", antialias=True)[:, 0]
