"""Scattering coefficients: texture features that no network learnt, to judge by beside a network's.

Bruna & Mallat 2013, "Invariant Scattering Convolution Networks" (1203.1513): the mean moduli of oriented band-pass
filters, and of the same filters over those moduli at coarser scales. They tell how much structure of each size and
direction there is and how it clusters, and share nothing with a network trained on photographs.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SCALES, DIRECTIONS = 4, 4
FLOOR = 1e-4  # of a mean modulus of values in [-1, 1], before the logarithm
BATCH = 64
WIDTH = 2 + SCALES * DIRECTIONS + DIRECTIONS**2 * SCALES * (SCALES - 1) // 2


def scattering(images: Tensor) -> NDArray[np.float32]:
    """Return (N, 114) features of (N, C, H, W) images in [-1, 1], channels averaged: the mean, the log of the standard
    deviation, and the logs of 16 first and 96 second moduli, each averaged over the image. H and W from 16 pixels.
    """
    bank = filters(*images.shape[2:])
    rows = [_moments(part.float().mean(1), bank) for part in torch.split(images, BATCH)]
    found: NDArray[np.float32] = torch.cat(rows).float().numpy()
    return found


def filters(height: int, width: int) -> Tensor:
    """Return (4, 4, H, W), scale and direction: Morlet filters in the frequency domain, real, without a mean.

    The filter of scale j is centred at 0.375 / 2^j cycles a pixel, with a Gaussian of half that width.
    """
    rows, columns = torch.meshgrid(torch.fft.fftfreq(height), torch.fft.fftfreq(width), indexing="ij")
    bank = torch.zeros(SCALES, DIRECTIONS, height, width)
    for scale in range(SCALES):
        centre = 0.375 / 2**scale
        wide = centre / 2
        for turn in range(DIRECTIONS):
            angle = math.pi * turn / DIRECTIONS
            bump = _periodic(rows, columns, centre * math.sin(angle), centre * math.cos(angle), wide)
            middle = _periodic(rows, columns, 0, 0, wide)
            bank[scale, turn] = bump - middle * (bump[0, 0] / middle[0, 0])
    return bank


def _periodic(rows: Tensor, columns: Tensor, y: float, x: float, wide: float) -> Tensor:
    """Return a Gaussian around (y, x) on the torus of sampled frequencies."""
    shifts = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1)]
    return torch.stack(
        [torch.exp(-((rows - y + a) ** 2 + (columns - x + b) ** 2) / (2 * wide**2)) for a, b in shifts]
    ).sum(0)


def _moments(images: Tensor, bank: Tensor) -> Tensor:
    """Return (n, 114) of (n, H, W)."""
    turned = torch.fft.fft2(images)
    first = torch.fft.ifft2(turned[:, None, None] * bank).abs()  # (n, scale, direction, H, W)
    out = [first.mean((3, 4)).flatten(1)]
    for scale in range(SCALES - 1):
        again = torch.fft.fft2(first[:, scale])  # (n, direction, H, W)
        for coarser in range(scale + 1, SCALES):
            second = torch.fft.ifft2(again[:, :, None] * bank[coarser]).abs()
            out.append(second.mean((3, 4)).flatten(1))
    moduli = torch.log(torch.cat(out, 1) + FLOOR)
    spread = torch.log(images.std((1, 2)) + FLOOR)
    return torch.cat([images.mean((1, 2))[:, None], spread[:, None], moduli], 1)
