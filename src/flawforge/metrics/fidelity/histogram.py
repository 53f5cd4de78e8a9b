"""Gray-level histograms: is a set too dark, too bright, too flat, or does it use levels that the real one does not?

Two sets are compared by the first Wasserstein distance between their mean histograms (the earth mover's distance:
Rubner, Tomasi & Guibas 2000): how many gray levels a pixel's value has to move on average to turn one into the other.
In one dimension it is the area between the cumulative histograms.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from flawforge.core.arrays import Floats
from flawforge.metrics.vectors import Vectors, as_pair

LEVELS = 256


def gray_histograms(images: Tensor) -> Floats:
    """Return (N, 256) the share of each image's values at each gray level of 255; a row sums to 1.

    Args:
        images: (N, C, H, W) in [-1, 1]; values outside count as the nearest end, finer ones than 8 bits as the nearest
            level. All channels count alike.
    """
    level = ((images.double() + 1) * 127.5).round_().clamp_(0, LEVELS - 1).long().flatten(1)
    counts = torch.zeros(len(level), LEVELS, dtype=torch.float64)
    counts.scatter_add_(1, level, torch.ones(level.shape, dtype=torch.float64))
    shares: Floats = (counts / max(1, level.shape[1])).numpy()
    return shares


def histogram_distance(real: Vectors, generated: Vectors) -> float:
    """Return the first Wasserstein distance of the mean histograms, in gray levels of 255; 0 where they are the same.

    Blind to where the levels stand in an image, and to one image's fault that another's outweighs. Biased upwards by
    small n: compare at equal n, beside real against real.

    Args:
        real: (M, 256) from `gray_histograms`.
        generated: (N, 256).

    Raises:
        ValueError: shapes that do not fit, or a value that is not finite.
    """
    x, y = as_pair(real, generated, 1)
    apart = np.cumsum(x.mean(axis=0) - y.mean(axis=0))
    return float(np.abs(apart).sum())


def brightness_difference(real: Vectors, generated: Vectors) -> float:
    """Return how much brighter the generated set is on average, in gray levels of 255; below 0 it is darker.

    Args:
        real: (M, 256) from `gray_histograms`.
        generated: (N, 256).

    Raises:
        ValueError: as `histogram_distance`.
    """
    x, y = as_pair(real, generated, 1)
    levels = np.arange(x.shape[1])
    return float((y.mean(axis=0) - x.mean(axis=0)) @ levels)
