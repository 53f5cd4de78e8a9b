"""From hits and misses to what the record says of a class: curve, places, and the check against real defects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flawforge.core.arrays import Bools, Floats
from flawforge.core.seeds import numpy_stream
from flawforge.metrics.detection.bounds import DrawnCurves, bound_sizes, draw_curves
from flawforge.metrics.detection.hit_miss import HitMissCurve, binomial_interval
from flawforge.metrics.detection.places import map_places
from flawforge.runs.detection.record import DetectionCurve, PlaceCount, RealCheck, SharedRate

POINTS = 60  # of the drawn curve
BAND = (5.0, 95.0)  # percentiles of the drawn curves
WITHIN = (2.5, 97.5)  # of the counts that a curve lets expect


def describe_curve(
    curve: HitMissCurve, drawn: DrawnCurves, smallest: float, largest: float, seed: int
) -> DetectionCurve:
    """Return a fitted curve with its bounds and its band."""
    assert curve.beta is not None
    bounds, sizes = bound_sizes(curve, seed), np.geomspace(smallest, largest, POINTS)
    low, high = np.percentile(drawn.chances(sizes), BAND, axis=0)
    intercept, slope, *others = (float(value) for value in curve.beta)
    return DetectionCurve(
        intercept=intercept - slope * curve.data.centre,
        slope=slope,
        contrast_slope=others[0] if others else None,
        contrast_p=curve.contrast_p,
        asymptote=curve.asymptote,
        asymptote_p=1.0 if curve.asymptote_p is None else curve.asymptote_p,
        a50=curve.size_at(0.5),
        a90=curve.size_at(0.9),
        a90_95=bounds.calibrated,
        a90_95_raw=bounds.raw,
        sizes=sizes.tolist(),
        chances=curve.chance_of(sizes).tolist(),
        low=low.tolist(),
        high=high.tolist(),
    )


def drawn_from(curve: HitMissCurve, seed: int) -> DrawnCurves | None:
    """Return what chance does to a curve; None where none was fitted."""
    return draw_curves(curve, seed) if curve.outcome == "curve" else None


def describe_places(middles: Sequence[tuple[float, float]], hits: Bools, expected: Floats) -> list[PlaceCount]:
    """Return the map of places."""
    found = map_places(middles, hits, expected)
    return [
        PlaceCount(row=row, column=column, **{name: one[row, column].item() for name, one in vars(found).items()})
        for row, column in np.ndindex(found.count.shape)
    ]


def check_against_real(
    curve: HitMissCurve,
    drawn: DrawnCurves | None,
    sizes: Floats,
    contrasts: Floats,
    calls: Bools,
    placed: tuple[float, float],
    seed: int,
) -> RealCheck:
    """Compare what a curve lets expect with what was found of real defects.

    The range that is expected holds both what chance does to the curve and what it does to so many defects.

    Args:
        curve: fitted to placed defects. drawn: of it.
        sizes, contrasts, calls: (M,) of the real ones; contrast over the reference.
        placed: smallest and largest size that was placed.
        seed: of the stream ``bootstrap``.
    """
    found = int(calls.sum())
    low, high = binomial_interval(found, len(calls))
    expected = least = most = holds = None
    if drawn is not None:
        expected = float(curve.chance_of(sizes, contrasts).sum())
        chances = drawn.chances(sizes, contrasts)
        counts = (numpy_stream(seed, "bootstrap", "real defects").random(chances.shape) < chances).sum(axis=1)
        least, most = (int(end) for end in np.percentile(counts, WITHIN, method="nearest"))
        holds = least <= found <= most
    return RealCheck(
        images=len(calls),
        found=found,
        low=low,
        high=high,
        expected=expected,
        least=least,
        most=most,
        holds=holds,
        beyond=int(((sizes < placed[0]) | (sizes > placed[1])).sum()),
        sizes=[float(size) for size in sizes],
        calls=[bool(call) for call in calls],
    )


def rate_of(calls: Bools, specimens: Sequence[int]) -> SharedRate:
    """Return a share of calls; each specimen counts once, as the mean of its images."""
    _, member = np.unique(np.asarray(specimens), return_inverse=True)
    each = np.bincount(member, weights=calls.astype(np.float64)) / np.bincount(member)
    low, high = binomial_interval(float(each.sum()), len(each))
    share = float(each.mean())
    return SharedRate(count=int(calls.sum()), total=len(calls), groups=len(each), share=share, low=low, high=high)
