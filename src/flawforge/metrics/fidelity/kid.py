"""Kernel distance between two sets of features: unbiased, so that it can be read at 20 images.

Bińkowski, Sutherland, Arbel & Gretton 2018, "Demystifying MMD GANs" (1801.01401), section 4: the squared maximum mean
discrepancy with the kernel ``k(x, y) = (x·y / D + 1)³``, estimated without bias (Gretton et al. 2012, lemma 6)::

    KID = mean over i≠j of k(x_i, x_j) + mean over i≠j of k(y_i, y_j) - 2 · mean over i, j of k(x_i, y_j)

It compares the first three moments of the two sets. 0 is equality; about half of the estimates of a true 0 are
negative, and they are not cut off. Its expectation does not depend on the numbers of images, its spread does.
The name says Inception in the paper; here the features are the caller's, and so is the scale.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from flawforge.core.arrays import Floats, Ints
from flawforge.metrics.inference.intervals import RESAMPLES, Interval, group_weights, percentile_interval
from flawforge.metrics.vectors import Vectors, as_grouped_pair, row_blocks


def polynomial_kernel(x: Floats, y: Floats) -> Floats:
    """Return (M, N): ``(x·y / D + 1)³`` of rows (M, D) and (N, D)."""
    kernel: Floats = (x @ y.T / x.shape[1] + 1) ** 3
    return kernel


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
    generated_groups: ArrayLike | None = None,
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
        real_groups: (M,) group numbers; None: each image is its own.
        generated_groups: (N,) group numbers; None: each image is its own.
        seed: of the stream ``bootstrap``.
        resamples: draws.

    Raises:
        ValueError: as `kid`, `group_weights` and `percentile_interval`.
    """
    x, y, a, b = as_grouped_pair(real, generated, real_groups, generated_groups, 2, 2)
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
