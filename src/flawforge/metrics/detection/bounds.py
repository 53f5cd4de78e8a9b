"""How far the size a90 could lie: one-sided upper bounds by likelihood ratio, raw and calibrated; and the curve's band.

The raw bound takes the signed root of the likelihood ratio for a standard normal number. With 60 defects it covers
about 93 of 100 times, not 95. The calibrated bound asks of each size how that root is really distributed there: hits
are drawn anew from the likeliest curve with its a90 at that size, with the same random numbers for all sizes, and the
bound is where as low a root as the observed one comes in 5 of 100 draws (DiCiccio, Martin & Stern 2001, "Simple and
accurate one-sided inference from signed roots of likelihood ratios"). Mean and spread of the drawn roots decide, as
the tail of a normal distribution, which takes fewer draws than counting.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.stats import norm

from flawforge.core.arrays import Bools, Floats
from flawforge.core.seeds import numpy_stream
from flawforge.metrics.detection.hit_miss import CONFIDENCE, RELIABLE, HitMiss, HitMissCurve, design_at
from flawforge.metrics.detection.logistic import chances

FARTHEST = float(np.log(1000.0))  # a bound so far above a90 is none
TOLERANCE = 0.005  # of a bound, in the logarithm of the size
CLOSE = 0.01  # of the signed root, in standard deviations
DRAWS = 999
FEWER = 299


@dataclass(frozen=True)
class SizeBounds:
    """Sizes that a90 does not exceed with 95% confidence, raw and calibrated; None: no size is known to be enough."""

    raw: float | None
    calibrated: float | None


def bound_sizes(curve: HitMissCurve, seed: int = 0, draws: int = DRAWS) -> SizeBounds:
    """Return a90/95 of a fitted curve.

    Args:
        curve: with a fit.
        seed: of the stream ``bootstrap``.
        draws: of hits, for the calibration.
    """
    a90 = curve.size_at(RELIABLE)
    if a90 is None:
        return SizeBounds(None, None)
    data, start = curve.data, float(np.log(a90)) - curve.data.centre
    z = float(norm.ppf(CONFIDENCE))
    best = float(data.free(data.hits[None])[0].log_likelihood[0])
    raw = _crossing(lambda size: _root(data, best, size) + z, start, z, 0.1)
    count = draws if len(data.asymptotes) == 1 else min(draws, FEWER)  # each asymptote is fitted to each draw
    uniform = numpy_stream(seed, "bootstrap", "hits and misses").random((count, len(data.x)))
    first = 0.3 if raw is None else 1.05 * (raw - start)  # it is mostly a little farther
    calibrated = _crossing(partial(_calibrated, data, best, uniform), start, z, first)
    return SizeBounds(*(None if size is None else float(np.exp(size + data.centre)) for size in (raw, calibrated)))


@dataclass(frozen=True)
class DrawnCurves:
    """Curves fitted to hits drawn anew from the fitted curve: what chance does to it.

    Attributes:
        data: of the fitted curve.
        beta: (B, P). asymptotes: (B,).
    """

    data: HitMiss
    beta: Floats
    asymptotes: Floats

    def chances(self, sizes: Floats, contrasts: Floats | None = None) -> Floats:
        """Return (B, M) chances of a hit of each curve."""
        return self.asymptotes[:, None] * chances(design_at(self.data, sizes, contrasts), self.beta)


def draw_curves(curve: HitMissCurve, seed: int = 0, draws: int = DRAWS) -> DrawnCurves:
    """Fit curves to hits drawn from a fitted one (parametric bootstrap); arguments as of `bound_sizes`."""
    assert curve.beta is not None
    data = curve.data
    uniform = numpy_stream(seed, "bootstrap", "curves").random((draws, len(data.x)))
    fits, asymptotes = data.free(uniform < chances(data.design, curve.beta[None], curve.asymptote), curve.beta)
    return DrawnCurves(data, fits.beta, asymptotes)


def _root(data: HitMiss, best: float, size: float) -> float:
    """Return the signed root of the likelihood ratio for a90 at a size above the fitted one: not above 0."""
    held = float(data.held(data.hits[None], size)[0].log_likelihood[0])
    return -float(np.sqrt(max(0.0, 2 * (best - held))))


def _calibrated(data: HitMiss, best: float, uniform: Floats, size: float) -> float:
    """Return the observed root in the distribution that it has where a90 is at this size, less the 5% point."""
    held, asymptotes = data.held(data.hits[None], size)
    asymptote = float(asymptotes[0])
    eta = np.log(RELIABLE / (asymptote - RELIABLE))
    drawn: Bools = uniform < chances(data.design_held(size), held.beta, asymptote, eta)
    slopes = held.beta[0]
    free, free_asymptotes = data.free(drawn, np.array([eta - slopes[0] * size, *slopes]))
    again, _ = data.held(drawn, size, RELIABLE, slopes)
    ratio = np.sqrt(np.maximum(0.0, 2 * (free.log_likelihood - again.log_likelihood)))
    at = np.stack([np.ones(1), np.full(1, size), *([] if data.z is None else [np.zeros(1)])], axis=1)
    below = free_asymptotes * chances(at, free.beta)[:, 0] < RELIABLE  # the drawn curve has its a90 above this size
    roots = np.where(below, ratio, -ratio)
    observed = -float(np.sqrt(max(0.0, 2 * (best - float(held.log_likelihood[0])))))
    return float((observed - roots.mean()) / roots.std() + norm.ppf(CONFIDENCE))


def _crossing(height: Callable[[float], float], start: float, z: float, first: float) -> float | None:
    """Return where a falling function comes to 0 above `start`, where it is about `z`; None where it does not.

    `first` is how far above the search begins. The function is nearly straight, so that secants find the place.
    """
    low, above, high = start, z, start + first
    while (below := height(high)) > 0:
        if high - start > FARTHEST:
            return None
        step = (high - low) * below / max(above - below, 0.1 * below)
        low, above, high = high, below, high + min(max(1.1 * step, 0.02), 2 * (high - start))
    for turn in range(40):
        if high - low < TOLERANCE or min(above, -below) < CLOSE:
            break
        share = above / (above - below) if turn % 3 < 2 else 0.5
        middle = low + min(max(share, 0.02), 0.98) * (high - low)
        value = height(middle)
        if value > 0:
            low, above = middle, value
        else:
            high, below = middle, value
    return low + (high - low) * above / (above - below)
