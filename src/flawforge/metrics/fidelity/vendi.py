"""Diversity: how many different images is a set worth, and which of its images repeat each other?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from flawforge.core.arrays import Floats
from flawforge.metrics.vectors import Vectors, as_vectors, row_blocks


def vendi(vectors: Vectors, width: float) -> float:
    """Return the Vendi score: the effective number of different images, from 1 (all alike) to N (all unlike).

    Friedman & Dieng 2023, "The Vendi Score" (2210.02410): ``exp(-sum(l ln l))`` over the eigenvalues l of K / N, with
    the kernel ``K = exp(-d² / (2 width²))``. It grows with N: compare at equal N and equal width only. Unlike a
    count of clusters it needs no threshold, yet the width decides what counts as alike.

    Args:
        vectors: (N, D) features; time grows as N³ (1,000 images: 0.3 s).
        width: distance at which two images are 0.61 alike, above 0.

    Raises:
        ValueError: no images, or a value that is not finite.
    """
    x = as_vectors(vectors, "vectors", 1)
    kernel = np.exp(-_squared(x, x) / (2 * width**2))
    values = np.linalg.eigvalsh(kernel / len(x))
    values = values[values > 1e-12]
    return float(np.exp(-(values * np.log(values)).sum()))


class Clusters(NamedTuple):
    """Images chained together by nearness.

    Attributes:
        repeats: images that have another one within the radius.
        number: clusters; an image alone is one.
        largest: images in the largest.
    """

    repeats: int
    number: int
    largest: int


def clusters(vectors: Vectors, radius: float) -> Clusters:
    """Return the connected components of the graph that joins images within `radius` of each other.

    Args:
        vectors: (N, D) features; N² distances are taken, 1,024 rows at a time (10,000 images: some seconds).
        radius: Euclidean distance, from 0; the rim is included.
    """
    x = as_vectors(vectors, "vectors", 1)
    first, second = [], []
    for rows in row_blocks(len(x)):
        rest = x[rows.start :]
        near = _squared(x[rows], rest) <= radius**2 + 1e-12
        i, j = (place + rows.start for place in np.divmod(np.flatnonzero(near), len(rest)))
        first.append(i[i < j])
        second.append(j[i < j])
    i, j = np.concatenate(first), np.concatenate(second)
    graph = coo_matrix((np.ones(len(i), dtype=np.int8), (i, j)), shape=(len(x), len(x)))
    count, member = connected_components(graph, directed=False)
    sizes = np.bincount(member)
    return Clusters(int(sizes[sizes > 1].sum()), int(count), int(sizes.max()))


def _squared(x: Floats, y: Floats) -> Floats:
    a, b = np.square(x).sum(axis=1), np.square(y).sum(axis=1)
    return np.asarray(np.maximum(a[:, None] + b[None, :] - 2 * (x @ y.T), 0))
