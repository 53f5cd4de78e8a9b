"""Fréchet distance between two sets of features, its bias at small n, and the distance without it.

Heusel et al. 2017 (1706.08500), equation 6: with means a, b and covariances A, B::

    FID = |a - b|² + tr(A + B - 2 (A B)^(1/2))

It is the squared 2-Wasserstein distance of two normal distributions (Dowson & Landau 1982), blind to all else. The name
says Inception in the paper; here the features are the caller's, and so is the scale.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from flawforge.core.arrays import Floats, Ints
from flawforge.core.seeds import numpy_stream
from flawforge.metrics.vectors import Vectors, as_grouped_pair, as_pair

POINTS = 15  # sizes that the line is drawn through (Chong & Forsyth, section 4)
DRAWS = 4  # subsets of each size
SMALLEST_SHARE = 0.4  # of the set, in the smallest subset


def frechet(real: Vectors, generated: Vectors) -> float:
    """Return the Fréchet distance of (M, D) and (N, D) features, with the covariances of n - 1.

    The trace of the root is the sum of the singular values of X Yᵀ / sqrt((M - 1)(N - 1)), X and Y centred: the
    non-zero eigenvalues of A B are their squares. So no root of a singular matrix is taken, nothing turns complex,
    and fewer images than features are no trouble for the arithmetic. Worked on in float64; a rounding error below 0
    becomes 0.

    Biased upwards, by roughly a constant over n, even for equal distributions: compare at equal n, or use
    `frechet_infinity`. Meaningless below about 2 D images: the distance is then mostly the bias.

    Raises:
        ValueError: fewer than 2 rows, shapes that do not fit, or a value that is not finite.
    """
    x, y = as_pair(real, generated, 2)
    return _distance(x, y)


class FrechetInfinity(NamedTuple):
    """The distance freed of its bias.

    Attributes:
        value: the extrapolation to infinitely many images. It may be negative near 0, and is not cut off.
        error: its standard error from the scatter around the line. The subsets overlap, so it is a lower bound, and it
            leaves out the luck of this very sample.
        at_full: the plain distance at the full sizes.
        bias: ``at_full - value``: how much of the plain distance is small n.
    """

    value: float
    error: float
    at_full: float
    bias: float


def frechet_infinity(
    real: Vectors,
    generated: Vectors,
    real_groups: ArrayLike | None = None,
    generated_groups: ArrayLike | None = None,
    seed: int = 0,
) -> FrechetInfinity:
    """Return the Fréchet distance extrapolated to infinitely many images of both sets.

    Chong & Forsyth 2020, "Effectively Unbiased FID and Inception Score and Where to Find Them" (1911.07023), section
    4: the bias is linear in 1/n to first order, so a line through the distances of random subsets against 1/n meets 0
    at the distance without bias. They shrink the generated set alone, at 50,000 real images; at 300 real images both
    biases count, so both sets shrink by the same share s, and the line is in 1/s: ``c_real / (M s) + c_generated / (N
    s)``. Shares have even steps in 1/s from 1 to 1 / 0.4, `DRAWS` subsets each, drawn by groups without replacement.

    Meaningless where the smallest subset (0.4 n) has not some images more than features: terms in 1/n² bend the line.
    With the 112 features of stage 5 that is 300 images a set; below, read `kid`.

    Args:
        real: (M, D) features.
        generated: (N, D) features.
        real_groups: (M,) group numbers; None: each image is its own.
        generated_groups: (N,) group numbers; None: each image is its own.
        seed: of the stream ``bootstrap``, which draws the subsets.

    Raises:
        ValueError: fewer than 10 groups a set, shapes that do not fit, or a value that is not finite.
    """
    x, y, a, b = as_grouped_pair(real, generated, real_groups, generated_groups, 10, 10)
    rng = numpy_stream(seed, "bootstrap", "frechet")
    full = _distance(x, y)
    inverse, distances = [1.0], [full]
    for wanted in np.linspace(1, 1 / SMALLEST_SHARE, POINTS)[1:]:
        for _ in range(DRAWS):
            i, j = _part(a, 1 / wanted, rng), _part(b, 1 / wanted, rng)
            # what the draw really left of each set, in the two biases' mean
            inverse.append((len(x) / len(i) + len(y) / len(j)) / 2)
            distances.append(_distance(x[i], y[j]))
    (_, value), spread = np.polyfit(inverse, distances, 1, cov=True)
    return FrechetInfinity(float(value), float(np.sqrt(spread[1, 1])), full, full - float(value))


def _distance(x: Floats, y: Floats) -> float:
    shift = x.mean(axis=0) - y.mean(axis=0)
    left, right = _factor(x), _factor(y)
    root = np.linalg.svd(left @ right.T, compute_uv=False).sum()
    spread = np.square(left).sum() + np.square(right).sum() - 2 * root
    return max(float(shift @ shift + spread), 0.0)


def _factor(x: Floats) -> Floats:
    """Return F with Fᵀ F = covariance of x: the centred rows over sqrt(n - 1), as a triangle where they are many."""
    centred = (x - x.mean(axis=0)) / np.sqrt(len(x) - 1)
    factor: Floats = np.asarray(np.linalg.qr(centred, mode="r")) if len(x) > x.shape[1] else centred
    return factor


def _part(groups: Ints, share: float, rng: np.random.Generator) -> Ints:
    """Return the rows of randomly chosen whole groups that hold about `share` of all rows."""
    order = rng.permutation(int(groups.max()) + 1)
    filled = np.cumsum(np.bincount(groups)[order])
    kept = order[: int(np.searchsorted(filled, share * len(groups))) + 1]
    return np.flatnonzero(np.isin(groups, kept))
