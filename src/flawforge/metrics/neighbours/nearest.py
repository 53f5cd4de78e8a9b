"""Exact nearest neighbours by Euclidean distance, in blocks of bounded memory.

The distances of a block are estimated with one matrix product, which is fast and, for near pairs, badly wrong: an
exact copy comes out anywhere around zero. So the estimate only decides what cannot be among the k nearest; every
pair that could be, within a bound on the estimate's error, is measured from the differences. Between images of whole
gray levels the product is exact and there is nothing to measure (`flawforge.metrics.neighbours.integers`). The result
is that of
the plain loop: ties go to the lower index, and a copy has distance 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from flawforge.core.arrays import Floats, Ints
from flawforge.metrics.neighbours.integers import closest, is_whole
from flawforge.metrics.neighbours.tile import Side, candidates, centre_of, has_coarse, measure

TILE = 1024  # queries in one matrix of estimates, at most
WIDE = 16_384  # references in it, at most: the more, the fewer pairs that others drive out later are measured
COPIES = 4  # of a tile, as float32, while it is prepared
SHORT = 8  # bytes that a number of a reference takes in such a wide tile
MATRICES = 16  # bytes that one pair takes in the matrices of estimates there


class Nearest(NamedTuple):
    """The k nearest references of each query, nearest first.

    Attributes:
        distances: (Q, k) float64; infinite where there are fewer than k references.
        indices: (Q, k) int64 into the references; -1 there.
        flips: (Q, k) int64 into the given flips: the one under which the reference was nearest.
    """

    distances: Floats
    indices: Ints
    flips: Ints


def nearest(
    queries: Tensor,
    references: Tensor | Iterable[Tensor],
    k: int = 1,
    *,
    query_groups: Ints | None = None,
    reference_groups: Ints | None = None,
    memory_mb: float = 512,
) -> tuple[Floats, Ints]:
    """Return the Euclidean distances (Q, k) and indices (Q, k) of each query's k nearest references, nearest first.

    Args:
        queries: (Q, ...) real numbers of any type, on any device.
        references: (R, ...), or blocks of them in order; each block is read once and let go.
        k: neighbours per query, from 1.
        query_groups: (Q,) group numbers. With `reference_groups`, only references of another group count.
        reference_groups: (R,) group numbers.
        memory_mb: bound, in MB, of what is held beside the queries and one block. Less is slower, with the same result.

    Distances are infinite and indices -1 where fewer than k references count.

    Raises:
        ValueError: k below 1, shapes that differ, or a value that is not finite.
    """
    found = nearest_flipped(
        queries,
        references,
        k,
        ("identity",),
        query_groups=query_groups,
        reference_groups=reference_groups,
        memory_mb=memory_mb,
    )
    return found.distances, found.indices


def nearest_flipped(
    queries: Tensor,
    references: Tensor | Iterable[Tensor],
    k: int,
    flips: Sequence[str],
    *,
    query_groups: Ints | None = None,
    reference_groups: Ints | None = None,
    memory_mb: float = 512,
) -> Nearest:
    """Return each query's k nearest references, a reference counting once, at its smallest distance over `flips`.

    Args:
        queries: (Q, ..., H, W).
        references: (R, ..., H, W), or blocks of them.
        k: neighbours per query, from 1.
        flips: names from `flawforge.metrics.neighbours.flips.AXES`; on a tie the first one is told.
        query_groups: as in `nearest`.
        reference_groups: as in `nearest`.
        memory_mb: as in `nearest`.
    """
    if k < 1:
        raise ValueError(f"k is {k}; it is a number of neighbours, from 1")
    if (query_groups is None) != (reference_groups is None):
        raise ValueError("query_groups and reference_groups are given together or not at all")
    blocks = [references] if isinstance(references, Tensor) else references
    rows = _tile_rows(queries, memory_mb)
    tiles = [slice(start, start + rows) for start in range(0, len(queries), rows)]
    best = [_Best(len(queries[tile]), k) for tile in tiles]
    first = 0
    with torch.no_grad(), _full_precision(queries.device):
        centre = centre_of(queries[:rows], flips)
        lefts = [Side(queries[tile], centre, flips) for tile in tiles]
        short = queries.numel() * 2 > memory_mb * 1e6 / 4  # the queries in bfloat16 take too much to be kept
        for right in _sides(blocks, _wide_rows(queries, rows, flips, memory_mb), centre, flips, queries.device):
            for tile, left, kept in zip(tiles, lefts, best, strict=True):
                counts = None
                if query_groups is not None and reference_groups is not None:
                    counts = query_groups[tile][:, None] != reference_groups[None, first : first + len(right)]
                farthest = kept.distances[:, -1]
                if is_whole(left.values, right.values):
                    kept.add(*closest(left.values, right.values, flips, farthest, k, counts), first)
                    continue
                pairs = candidates(left, right, flips, farthest, k, counts)
                kept.add(*pairs, measure(left, right, flips, *pairs), first)
                left.let_go(coarse=short)
            first += len(right)
    if not best:
        best = [_Best(0, k)]
    return Nearest(
        np.concatenate([kept.distances for kept in best]),
        np.concatenate([kept.indices for kept in best]),
        np.concatenate([kept.flips for kept in best]),
    )


class _Best:
    """The k nearest of each query of a tile so far."""

    def __init__(self, queries: int, k: int) -> None:
        self.distances = np.full((queries, k), np.inf)
        self.indices = np.full((queries, k), -1, dtype=np.int64)
        self.flips = np.zeros((queries, k), dtype=np.int64)

    def add(
        self,
        flips: Ints,
        queries: Ints,
        references: Ints,
        distances: Floats,
        first: int,
    ) -> None:
        """Take measured pairs in; `references` count from `first`."""
        count, k = self.distances.shape
        query = np.concatenate([np.repeat(np.arange(count), k), queries])
        index = np.concatenate([self.indices.ravel(), references + first])
        distance = np.concatenate([self.distances.ravel(), distances])
        flip = np.concatenate([self.flips.ravel(), flips])
        # each reference once, at its nearest flip
        order = np.lexsort((flip, distance, index, query))
        same = (np.diff(query[order]) == 0) & (np.diff(index[order]) == 0) & (index[order][1:] >= 0)
        order = order[np.concatenate([[True], ~same])] if len(order) else order
        # the k nearest of each query, ties to the lower index
        order = order[np.lexsort((index[order], distance[order], query[order]))]
        starts = np.searchsorted(query[order], np.arange(count))
        chosen = order[starts[:, None] + np.arange(k)]
        self.distances, self.indices, self.flips = distance[chosen], index[chosen], flip[chosen]


def _sides(
    blocks: Iterable[Tensor], rows: int, centre: Tensor, flips: Sequence[str], device: torch.device
) -> Iterator[Side]:
    for block in blocks:
        for tile in torch.split(block, rows):
            yield Side(tile.to(device), centre, flips)


def _tile_rows(queries: Tensor, memory_mb: float) -> int:
    length = max(1, queries.shape[1:].numel())
    return int(max(1, min(TILE, memory_mb * 1e6 / (2 * COPIES * 4 * length))))


def _wide_rows(queries: Tensor, rows: int, flips: Sequence[str], memory_mb: float) -> int:
    """Return how many references go into a tile beside `rows` queries: many, where a coarse estimate comes first."""
    if not has_coarse(flips, queries.device):
        return rows
    half, length = memory_mb * 1e6 / 2, max(1, queries.shape[1:].numel())
    return int(max(1, min(WIDE, half / (SHORT * length), half / (MATRICES * rows))))


@contextmanager
def _full_precision(device: torch.device) -> Iterator[None]:
    """Forbid shorter number formats in products (TF32, bfloat16), whatever the program around has set."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.autocast(device.type, enabled=False):
            yield
    finally:
        torch.set_float32_matmul_precision(before)
