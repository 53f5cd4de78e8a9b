"""Do they look real, and is all that is real there: precision, recall, density and coverage.

A set's support is the union of balls around its vectors, each reaching to its k-th neighbour in the set. Distances are
taken from the differences, in float64: a vector is inside a ball whose rim it defines, and a distance is the same in
whatever block it is taken.

- precision: the share of generated vectors inside the real support; recall: the share of real vectors inside the
  generated support (Kynkäänniemi et al. 2019, 1904.06991, equations 1 to 3; k = 3).
- density: how many real balls hold a generated vector, on average, over k; coverage: the share of real balls that hold
  some generated vector (Naeem et al. 2020, 2002.09797, equations 5 and 6; k = 5). A single outlier with a large ball
  spoils precision and recall; these two are built on the real set's balls alone and stand it better.

All four depend on the numbers of images. Compare at equal sizes, and beside the value of real against real held-out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist

from flawforge.core.arrays import Bools, Floats, Ints
from flawforge.metrics.vectors import Vectors, as_grouped_pair, as_groups, as_pair, row_blocks

NARROW, WIDE = 3, 5  # neighbours that a ball reaches to: of precision and recall, of density and coverage


class PrecisionRecall(NamedTuple):
    """Both shares, 0 to 1."""

    precision: float
    recall: float


class DensityCoverage(NamedTuple):
    """Density, 0 and more; coverage, 0 to 1. For equal distributions density is 1 and coverage

    ``1 - (M-1)···(M-k) / ((M+N-1)···(M+N-k))`` on average (Naeem et al. 2020, lemma 2) for M real and N generated
    independent vectors: a ball is missed when the k nearest of the other M + N - 1 vectors are all real.
    """

    density: float
    coverage: float


def precision_recall(
    real: Vectors,
    generated: Vectors,
    real_groups: ArrayLike | None = None,
    generated_groups: ArrayLike | None = None,
    k: int = NARROW,
) -> PrecisionRecall:
    """Return improved precision and recall of (M, D) real and (N, D) generated features.

    With groups, a ball reaches to the k-th neighbour of another group: crops of the same material lie close together,
    and their balls would be too small. Distances are exact in float64. Assumes that near in the features is alike to
    the eye; says nothing of copies. Below about 50 images a set the balls cover too little to tell anything.

    Args:
        real: (M, D) features.
        generated: (N, D) features.
        real_groups: (M,) group numbers; None: each image is its own.
        generated_groups: (N,) group numbers; None: each image is its own.
        k: neighbours that a ball reaches to, from 1. More makes both supports wider, and both numbers larger.

    Raises:
        ValueError: too few vectors of other groups for k, shapes that do not fit, or a value that is not finite.
    """
    x, y, a, b = as_grouped_pair(real, generated, real_groups, generated_groups, 1, 1)
    reach = radii(x, k, a)
    return overlap(x, y, reach, reach, radii(y, k, b), k)[0]


def density_coverage(
    real: Vectors, generated: Vectors, real_groups: ArrayLike | None = None, k: int = WIDE
) -> DensityCoverage:
    """Return density and coverage of (M, D) real and (N, D) generated features.

    Density rises without limit where the generated vectors crowd where the real ones are dense, as those of a collapsed
    generator do: read it beside coverage. Below about 50 images a set they tell little.

    Args:
        real: (M, D) features.
        generated: (N, D) features.
        real_groups: (M,) group numbers, as in `precision_recall`.
        k: neighbours that a ball reaches to, from 1.

    Raises:
        ValueError: as `precision_recall`.
    """
    x, y = as_pair(real, generated, 1)
    reach = radii(x, k, as_groups(real_groups, len(x), "real_groups"))
    return overlap(x, y, reach, reach, np.zeros(len(y)), k)[1]


def overlap(
    real: Floats, generated: Floats, narrow: Floats, wide: Floats, generated_narrow: Floats, k: int = WIDE
) -> tuple[PrecisionRecall, DensityCoverage]:
    """Return all four, each distance taken once.

    Args:
        real: (M, D).
        generated: (N, D).
        narrow: (M,) radii of the real balls for precision.
        wide: (M,) likewise for density and coverage.
        generated_narrow: (N,) radii of the generated balls for recall.
        k: neighbours that `wide` reaches to.
    """
    accepted = balls = 0
    recalled, covered = np.zeros(len(real), dtype=bool), np.zeros(len(real), dtype=bool)
    for rows in row_blocks(len(generated)):
        distances = cdist(generated[rows], real)
        accepted += int((distances <= narrow).any(axis=1).sum())
        recalled |= (distances <= generated_narrow[rows, None]).any(axis=0)
        held = distances <= wide
        balls += int(held.sum())
        covered |= held.any(axis=0)
    shares = PrecisionRecall(accepted / len(generated), float(recalled.mean()))
    return shares, DensityCoverage(balls / (k * len(generated)), float(covered.mean()))


def realism(real: Vectors, generated: Vectors, real_groups: ArrayLike | None = None, k: int = NARROW) -> Floats:
    """Return (N,) realism scores: how deep each generated vector lies in the real support.

    ``max over real r of radius(r) / distance(r, g)`` (Kynkäänniemi et al. 2019, equation 4), over the half of the
    real balls with the smaller radii, since large ones mark sparse regions. 1 is the rim, a copy is infinite. For
    ranking images.

    Args:
        real: (M, D) features.
        generated: (N, D) features.
        real_groups: (M,) group numbers, as in `precision_recall`.
        k: neighbours that a ball reaches to, from 1.

    Raises:
        ValueError: as `precision_recall`.
    """
    x, y = as_pair(real, generated, 1)
    reach = radii(x, k, as_groups(real_groups, len(x), "real_groups"))
    small = reach <= np.median(reach)
    return reach_over_distance(y, x[small], reach[small])


def radii(centres: Floats, k: int, groups: Ints) -> Floats:
    """Return (N,) distances to the k-th nearest vector of another group; see `all_radii`."""
    found: Floats = all_radii(centres, (k,), groups)[0]
    return found


def all_radii(centres: Floats, ks: Sequence[int], groups: Ints) -> Floats:
    """Return (K, N) distances to the k-th nearest vector of another group, for each k.

    Args:
        centres: (N, D).
        ks: neighbours, from 1.
        groups: (N,) group numbers; with a group for each row, only the vector itself is left out.

    Raises:
        ValueError: k is below 1, or some vector has fewer than k vectors of other groups.
    """
    most = len(centres) - int(np.bincount(groups).max())
    for k in ks:
        if not 1 <= k <= most:
            raise ValueError(f"k is {k}; there are {len(centres)} vectors, and one of them has {most} in other groups")
    nth = [k - 1 for k in ks]
    out = np.empty((len(ks), len(centres)))
    for rows in row_blocks(len(centres)):
        distances = cdist(centres[rows], centres)
        distances[groups[rows, None] == groups] = np.inf
        out[:, rows] = np.partition(distances, nth, axis=1)[:, nth].T
    return out


def inside(points: Floats, centres: Floats, reach: Floats) -> Iterator[Bools]:
    """Give blocks of rows, in order: (n, C) whether each point is in each ball, the rim included.

    Args:
        points: (N, D).
        centres: (C, D).
        reach: (C,) radii.
    """
    return (cdist(points[rows], centres) <= reach for rows in row_blocks(len(points)))


def reach_over_distance(points: Floats, centres: Floats, reach: Floats) -> Floats:
    """Return (N,) the largest ``reach / distance`` over the centres; infinite for a point that is a centre."""
    out = np.empty(len(points))
    for rows in row_blocks(len(points)):
        distances = cdist(points[rows], centres)
        ratio = np.full_like(distances, np.inf)
        out[rows] = np.divide(reach, distances, out=ratio, where=distances > 0).max(axis=1)
    return out
