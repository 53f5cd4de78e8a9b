"""Balls around feature vectors, each reaching to its centre's k-th neighbour; together they are a set's support.

Distances are estimated in float64 by one matrix product; whatever lies within the estimate's error of a decision is
measured from the differences, so a vector is inside a ball whose rim it defines, and no block size shows.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from flawforge.core.arrays import Bools, Floats, Ints
from flawforge.metrics.vectors import row_blocks

UNIT = 2.0**-53  # rounding of float64


def radii(centres: Floats, k: int, groups: Ints) -> Floats:
    """Return (N,) distances to the k-th nearest vector of another group.

    Args:
        centres: (N, D).
        k: neighbours, from 1.
        groups: (N,) group numbers; with a group for each row, only the vector itself is left out.

    Raises:
        ValueError: some vector has fewer than k vectors of other groups.
    """
    if (most := len(centres) - int(np.bincount(groups).max())) < k:
        raise ValueError(f"k is {k}; there are {len(centres)} vectors, and one of them has {most} in other groups")
    out = np.empty(len(centres))
    for rows in row_blocks(len(centres)):
        squared, slack = _estimate(centres[rows], centres)
        squared[groups[rows, None] == groups[None, :]] = np.inf
        limit = np.partition(squared, k - 1, axis=1)[:, k - 1] + 2 * slack
        near, other = np.nonzero(squared <= limit[:, None])
        exact = _measure(centres[rows], centres, near, other)
        order = np.lexsort((exact, near))
        starts = np.searchsorted(near[order], np.arange(len(squared)))
        out[rows] = exact[order][starts + k - 1]
    return np.sqrt(out)


def inside(points: Floats, centres: Floats, reach: Floats) -> Iterator[Bools]:
    """Give blocks of rows, in order: (n, C) whether each point is in each ball, the rim included.

    Args:
        points: (N, D).
        centres: (C, D).
        reach: (C,) radii.
    """
    for rows in row_blocks(len(points)):
        squared, slack = _estimate(points[rows], centres)
        limit = np.square(reach)
        found = squared <= limit[None, :]
        unsure = np.nonzero(np.abs(squared - limit[None, :]) <= slack + 4 * UNIT * limit[None, :])
        found[unsure] = np.sqrt(_measure(points[rows], centres, *unsure)) <= reach[unsure[1]]
        yield found


def reach_over_distance(points: Floats, centres: Floats, reach: Floats) -> Floats:
    """Return (N,) the largest ``reach / distance`` over the centres; infinite for a point that is a centre."""
    out = np.empty(len(points))
    for rows in row_blocks(len(points)):
        squared, slack = _estimate(points[rows], centres)
        unsure = np.nonzero(squared <= 1e6 * slack)
        squared[unsure] = _measure(points[rows], centres, *unsure)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(squared > 0, reach[None, :] / np.sqrt(squared), np.inf)
        out[rows] = ratio.max(axis=1)
    return out


def _estimate(x: Floats, y: Floats) -> tuple[Floats, float]:
    """Return (M, N) squared distances by a product, and a bound on their error (Higham 2002, section 3.1)."""
    middle = y.mean(axis=0)
    x, y = x - middle, y - middle
    a, b = np.square(x).sum(axis=1), np.square(y).sum(axis=1)
    slack = 4 * (x.shape[1] + 4) * UNIT * float(a.max(initial=0) + b.max(initial=0))
    return a[:, None] + b[None, :] - 2 * (x @ y.T), slack


def _measure(x: Floats, y: Floats, i: Ints, j: Ints) -> Floats:
    """Return the squared distances of the pairs (i, j) from their differences."""
    out = np.empty(len(i))
    for part in row_blocks(len(i), 1 << 14):
        out[part] = np.square(x[i[part]] - y[j[part]]).sum(axis=1)
    return out
