"""Kernel distance between two sets of features: unbiased, so that it can be read at 20 images.

Bińkowski, Sutherland, Arbel & Gretton 2018, "Demystifying MMD GANs" (1801.01401), section 4: the squared maximum mean
discrepancy with the kernel ``k(x, y) = (x·y / D + 1)³``, estimated without bias (Gretton et al. 2012, lemma 6)::

    KID = mean over i≠j of k(x_i, x_j) + mean over i≠j of k(y_i, y_j) - 2 · mean over i, j of k(x_i, y_j)

It compares the first three moments of the two sets. 0 is equality; about half of the estimates of a true 0 are
negative, and they are not cut off. Its expectation does not depend on the numbers of images, its spread does.
The name says Inception in the paper; here the features are the caller's, and so is the scale.

Its interval says how far it could be off because other specimens might have been photographed. Images of one group show
the same specimen and are not independent, so groups are what is drawn: with replacement, as many as there are, each
with all its images (the cluster bootstrap: Davison & Hinkley 1997, "Bootstrap Methods and Their Application", section
3.8; Field & Welsh 2007).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from flawforge.core.arrays import Floats, Ints
from flawforge.core.seeds import numpy_stream
from flawforge.metrics.vectors import Vectors, as_grouped_pair, as_groups, row_blocks

RESAMPLES = 2000
LEVEL = 0.95


def polynomial_kernel(x: Floats, y: Floats) -> Floats:
    """Return (M, N): ``(x·y / D + 1)³`` of rows (M, D) and (N, D)."""
    base: Floats = x @ y.T / x.shape[1] + 1
    return base * base * base  # many times faster than a power


def kid(
    real: Vectors, generated: Vectors, real_groups: ArrayLike | None = None, generated_groups: ArrayLike | None = None
) -> float:
    """Return the unbiased estimate from all pairs.

    With groups, pairs of the same group do not count: overlapping crops are alike because they show the same
    material, which says nothing of the spread of the set and would bias the estimate upwards. Without, each image is
    its own group.

    Assumes independent groups. Works from 2 groups a set; below about 20 the interval is as wide as the differences
    that matter. Memory: 1,024 rows of the kernel at a time.

    Args:
        real: (M, D) features, worked on in float64.
        generated: (N, D) features.
        real_groups: (M,) group numbers.
        generated_groups: (N,) group numbers.

    Raises:
        ValueError: shapes that do not fit, a value that is not finite, or fewer than 2 groups.
    """
    sets = as_grouped_pair(real, generated, real_groups, generated_groups, 2, 2)
    return float(_weighted(*sets, np.ones((1, len(sets[0]))), np.ones((1, len(sets[1]))))[0])


def kid_interval(
    real: Vectors,
    generated: Vectors,
    real_groups: ArrayLike | None = None,
    seed: int = 0,
    *,
    resamples: int = RESAMPLES,
) -> Interval:
    """Return the bootstrap interval of `kid` over groups of both sets.

    A group that is drawn twice makes no pair with itself, so the resampled estimates stay unbiased. Where the sets
    have one distribution, the estimate is a degenerate U-statistic, whose bootstrap is too wide (Arcones & Giné
    1992), not too narrow: it errs towards "no difference shown". Meaningless below 5 groups.

    Args:
        real: (M, D) features.
        generated: (N, D) features.
        real_groups: (M,) group numbers; None: each image is its own, as each generated one is.
        seed: of the stream ``bootstrap``.
        resamples: draws.

    Raises:
        ValueError: as `kid`, `group_weights` and `percentile_interval`.
    """
    x, y, a, b = as_grouped_pair(real, generated, real_groups, None, 2, 2)
    v = group_weights(a, len(x), seed, "kid", "real", resamples=resamples)
    w = group_weights(b, len(y), seed, "kid", "generated", resamples=resamples)
    return percentile_interval(_weighted(x, y, a, b, v, w), int(min(a.max(), b.max())) + 1)


def _weighted(x: Floats, y: Floats, a: Ints, b: Ints, v: Floats, w: Floats) -> Floats:
    """Return (B,) estimates under B rows of weights v (B, M) and w (B, N), which are equal within groups a and b."""
    cross = np.zeros(len(v))
    for rows in row_blocks(len(x)):
        cross += np.einsum("bn,bn->b", v[:, rows] @ polynomial_kernel(x[rows], y), w)
    cross /= v.sum(axis=1) * w.sum(axis=1)
    estimate: Floats = _within(x, a, v) + _within(y, b, w) - 2 * cross
    return estimate


def _within(x: Floats, groups: Ints, weights: Floats) -> Floats:
    """Return (B,) weighted means of k over the pairs of different groups."""
    total = np.zeros(len(weights))
    for rows in row_blocks(len(x)):
        kernel = polynomial_kernel(x[rows], x)
        kernel[groups[rows, None] == groups] = 0
        total += np.einsum("bn,bn->b", weights[:, rows] @ kernel, weights)
    sizes = np.bincount(groups)[groups]
    pairs = weights.sum(axis=1) ** 2 - np.square(weights) @ sizes
    means: Floats = total / pairs
    return means


class Interval(NamedTuple):
    """Where the true value lies with a confidence of 95%.

    Attributes:
        low: its lower end.
        high: its upper end.
        groups: independent groups it rests on (of two sets, the smaller number). Below 5 it means little.
    """

    low: float
    high: float
    groups: int


def group_weights(
    groups: ArrayLike | None, count: int, seed: int, *position: int | str, resamples: int = RESAMPLES
) -> Floats:
    """Return (resamples, count) float64: how often each row is in each resample, the same for all rows of a group.

    Args:
        groups: (count,) group numbers; None: each row is its own.
        count: rows.
        seed: of the stream ``bootstrap``.
        position: where in the stream: two sets of one comparison take two positions.
        resamples: draws.

    A resample that would hold fewer than two groups is drawn again.

    Raises:
        ValueError: fewer than 2 groups.
    """
    members = as_groups(groups, count, "groups", 2)
    number = int(members.max()) + 1
    rng = numpy_stream(seed, "bootstrap", *position)
    even = np.full(number, 1 / number)
    counts = rng.multinomial(number, even, size=resamples)
    while (lonely := np.flatnonzero((counts > 0).sum(axis=1) < 2)).size:
        counts[lonely] = rng.multinomial(number, even, size=lonely.size)
    return counts[:, members].astype(np.float64)


def percentile_interval(resampled: Floats, groups: int) -> Interval:
    """Return the expanded percentile interval, at a confidence of 95%, of a statistic's resampled values.

    The plain percentiles are too narrow for few groups: a resample has the variance of G, not of G - 1, and normal in
    place of Student's tails. Hesterberg 2015 (1411.5279), section 5.2: take the percentiles at ``Phi(±t(0.95, G - 1)
    · sqrt(G / (G - 1)))``. Assumes a statistic that is smooth in the weights and nearly symmetric.

    Args:
        resampled: (resamples,) values.
        groups: G, the number of independent groups (of two sets, the smaller).
    """
    reach = special.stdtrit(groups - 1, (1 + LEVEL) / 2) * np.sqrt(groups / (groups - 1))
    low, high = np.quantile(resampled, special.ndtr([-reach, reach]))
    return Interval(float(low), float(high), groups)
