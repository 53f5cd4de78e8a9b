"""Radial power spectra: how much of an image's contrast stands in coarse and in fine structure.

Generators that double their maps step by step leave too little or too much power at high frequencies (Durall, Keuper &
Keuper 2020, "Watch your Up-Convolution", 2003.01826); blur takes it away, noise adds it. For each image: the mean is
taken off, a Hann window keeps the borders from ringing, and the squared moduli of the discrete Fourier transform are
averaged over rings of equal frequency. Two sets are compared by the log-spectral distance of their mean log spectra
(Gray & Markel 1976, "Distance measures for speech processing")::

    distance = root mean over rings of (mean of 10 log10 S over real - mean of 10 log10 S over generated)²,  in dB
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from flawforge.core.arrays import Floats
from flawforge.metrics.vectors import Vectors, as_pair

FLOOR = 1e-10  # power of values in [-1, 1] that counts as nothing: far below one gray level's rounding
HIGHEST = 0.5  # cycles per pixel: beyond, only the corners of the transform have rings
MOST_RINGS = 32


def ring_frequencies(height: int, width: int) -> Floats:
    """Return (B,) the middle of each ring in cycles per pixel; B is just below half the shorter side, at most 32.

    The rings go from half a wave over the shorter side to 0.5 and are wide enough that each holds some wave.

    Raises:
        ValueError: a side below 4 pixels.
    """
    if min(height, width) < 4:
        raise ValueError(f"images are {width}x{height}; a spectrum needs sides of at least 4 pixels")
    edges = _edges(height, width)
    return np.asarray((edges[:-1] + edges[1:]) / 2)


def radial_spectra(images: Tensor) -> Floats:
    """Return (N, B) power per ring in dB: ``10 log10 S``, S the mean power of a pixel's wave in the ring.

    White noise of variance v has the expected S = v in every ring but the lowest, from which taking the mean off takes
    a part. An image without contrast has -100 dB.

    Args:
        images: (N, C, H, W) in [-1, 1]; the spectra of the channels are averaged before the logarithm.

    Raises:
        ValueError: a side below 4 pixels.
    """
    height, width = images.shape[2:]
    rings = len(ring_frequencies(height, width))
    edges = torch.from_numpy(_edges(height, width))
    rows = torch.fft.fftfreq(height, dtype=torch.float64)[:, None]
    columns = torch.fft.rfftfreq(width, dtype=torch.float64)[None, :]
    place = torch.hypot(rows, columns)
    ring = torch.bucketize(place, edges[1:-1], right=True)
    counts = torch.full((1, width // 2 + 1), 2.0)  # a real image's other half is the mirror of this one
    counts[:, 0] = 1
    if width % 2 == 0:
        counts[:, -1] = 1
    weight = counts.expand(ring.shape).double() * ((place >= edges[0]) & (place <= HIGHEST))  # no mean, no corners
    ring = ring.flatten()

    window = torch.hann_window(height, dtype=torch.float64)[:, None] * torch.hann_window(width, dtype=torch.float64)
    values = images.double()
    mean = (values * window).sum(dim=(2, 3), keepdim=True) / window.sum()
    waves = torch.fft.rfft2((values - mean) * window)
    power = (waves.real.square() + waves.imag.square()).mean(dim=1) / window.square().sum()
    total = torch.zeros(len(images), rings, dtype=torch.float64).index_add_(1, ring, (power * weight).flatten(1))
    size = torch.zeros(rings, dtype=torch.float64).index_add_(0, ring, weight.flatten())
    decibel: Floats = (10 * torch.log10((total / size.clamp(min=1)).clamp(min=FLOOR))).numpy()
    return decibel


def spectrum_distance(real: Vectors, generated: Vectors) -> float:
    """Return the log-spectral distance of two sets of spectra, in dB; 0 where the mean spectra are the same.

    Blind to what a mean does not show: one image's faults that another's outweigh. Biased upwards by about the spread
    over ``sqrt(n)``: compare at equal n, beside real against real.

    Args:
        real: (M, B) from `radial_spectra`.
        generated: (N, B), of images of the same size.

    Raises:
        ValueError: shapes that do not fit, or a value that is not finite.
    """
    x, y = as_pair(real, generated, 1)
    return float(np.sqrt(np.square(x.mean(axis=0) - y.mean(axis=0)).mean()))


def fine_difference(real: Vectors, generated: Vectors) -> float:
    """Return how much more fine structure (the upper half of the rings) the generated set has, in dB.

    Below 0: smoother than real, as blur makes it. Above 0: rougher, as noise and checkerboards make it.

    Args:
        real: (M, B) from `radial_spectra`.
        generated: (N, B).

    Raises:
        ValueError: as `spectrum_distance`.
    """
    x, y = as_pair(real, generated, 1)
    fine = (y.mean(axis=0) - x.mean(axis=0))[x.shape[1] // 2 :]
    return float(fine.mean())


def _edges(height: int, width: int) -> Floats:
    side = min(height, width)
    rings = min(MOST_RINGS, (side - 1) // 2)
    edges: Floats = np.linspace(0.5 / side, HIGHEST, rings + 1)
    return edges
