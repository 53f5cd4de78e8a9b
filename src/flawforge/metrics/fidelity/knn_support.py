"""Balls around feature vectors, each reaching to its centre's k-th neighbour; together they are a set's support.

Distances are taken from the differences, in float64: a vector is inside a ball whose rim it defines, and a distance is
the same in whatever block it is taken.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.spatial.distance import cdist

from flawforge.core.arrays import Bools, Floats, Ints
from flawforge.metrics.vectors import row_blocks


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
        distances = cdist(centres[rows], centres)
        distances[groups[rows, None] == groups] = np.inf
        out[rows] = np.partition(distances, k - 1, axis=1)[:, k - 1]
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
