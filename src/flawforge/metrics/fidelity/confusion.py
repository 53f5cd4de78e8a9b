"""Which real class an image is most like: the class of its nearest real image."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist

from flawforge.core.arrays import Ints
from flawforge.metrics.vectors import Vectors, as_pair, row_blocks


def nearest_class(
    real: Vectors,
    real_labels: Ints,
    queries: Vectors,
    real_groups: Ints | None = None,
    query_groups: Ints | None = None,
) -> Ints:
    """Return (Q,) the label of each query's nearest real vector (one neighbour: Cover & Hart 1967).

    For real against real, give the same vectors and groups on both sides: a vector's own group does not count.
    The chance of a class rises with its number of real images: take about as many of each.

    Args:
        real: (M, D) features.
        real_labels: (M,) class numbers from 0.
        queries: (Q, D) features.
        real_groups: (M,) group numbers, together with `query_groups` or not at all.
        query_groups: (Q,) group numbers.

    Returns:
        Class numbers; -1 where no real vector of another group is there.

    Raises:
        ValueError: shapes that do not fit, or a value that is not finite.
    """
    x, y = as_pair(real, queries, 1)
    nearest = np.empty(len(y), dtype=np.int64)
    for rows in row_blocks(len(y)):
        distances = cdist(y[rows], x)
        if real_groups is not None and query_groups is not None:
            distances[query_groups[rows, None] == real_groups] = np.inf
        nearest[rows] = np.where(np.isinf(distances.min(axis=1)), -1, real_labels[distances.argmin(axis=1)])
    return nearest


def confusion_table(rows: ArrayLike, columns: ArrayLike, shape: tuple[int, int]) -> Ints:
    """Return the (R, C) counts of (row, column) pairs; a pair with a -1 is left out."""
    table = np.zeros(shape, dtype=np.int64)
    a, b = np.asarray(rows, dtype=np.int64), np.asarray(columns, dtype=np.int64)
    kept = (a >= 0) & (b >= 0)
    np.add.at(table, (a[kept], b[kept]), 1)
    return table
