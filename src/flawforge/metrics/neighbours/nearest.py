"""Exact nearest neighbours by Euclidean distance, in blocks of bounded memory.

The distances of a block are estimated with one matrix product, ``|q|² + |r|² - 2<q, r>``, which is fast and, for near
pairs, badly wrong: an exact copy comes out anywhere around zero. So the estimate only decides what cannot be among the
k nearest. Its rounding error has a bound (Higham 2002, "Accuracy and Stability of Numerical Algorithms", section 3.1:
a product of length m, added up in any order, is within m·u / (1 - m·u) of |q|·|r|, u = 2⁻²⁴), kept small by multiplying
no more than `LENGTH` numbers at a time. Every pair that could be among the nearest within that bound is measured from
the differences. The result is that of the plain loop: ties go to the lower index, and a copy has distance 0.

The four flips of an image (identity, left-right, up-down, both: a half turn) are a commutative group in which each
element undoes itself. Split an image into its even and odd part along each flipped axis; a flip then only negates some
parts:

    <q, flip r> = <q_even, r_even> - <q_odd, r_odd>

so the products of a pair under every flip are sums and differences of the products of its parts, and those together
are as long as the image: four flips for the price of one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from flawforge.core.arrays import Bools, Floats, Ints
from flawforge.core.full_precision import full_precision

Flip = Literal["identity", "flip-horizontal", "flip-vertical", "turn-180"]
AXES: dict[str, tuple[int, ...]] = {
    "identity": (),
    "flip-horizontal": (-1,),
    "flip-vertical": (-2,),
    "turn-180": (-2, -1),
}  # of (..., H, W)


def apply_flip(images: Tensor, flip: str) -> Tensor:
    """Return (..., H, W) images flipped: ``flip-horizontal`` swaps left and right, ``flip-vertical`` up and down."""
    return images.flip(AXES[flip]) if AXES[flip] else images


def flipped_axes(flips: Sequence[str]) -> tuple[int, ...]:
    """Return the axes, of (..., H, W), along which at least one of the flips mirrors."""
    return tuple(sorted({axis for flip in flips for axis in AXES[flip]}))


def signs(flips: Sequence[str]) -> Tensor:
    """Return (flips, parts) of +1 and -1: what each flip does to each part that `fold` makes."""
    table = torch.ones(len(flips), 1)
    for axis in flipped_axes(flips):
        turned = torch.tensor([-1.0 if axis in AXES[flip] else 1.0 for flip in flips])
        table = torch.cat([table, table * turned[:, None]], dim=1)
    return table


def fold(images: Tensor, flips: Sequence[str]) -> list[Tensor]:
    """Split float images into parts that the flips at most negate.

    Args:
        images: (N, ..., H, W) when there is anything to flip, else (N, ...).
        flips: names from `AXES`.

    Returns:
        One (N, d) tensor per column of `signs`; an image's squared norms over the parts add up to its own.
    """
    parts = [images]
    for axis in flipped_axes(flips):
        halves = [_even_and_odd(part, axis) for part in parts]
        parts = [even for even, _ in halves] + [odd for _, odd in halves]
    return [part.flatten(1) for part in parts]


def _even_and_odd(images: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    half = images.shape[axis] // 2
    rest = images.shape[axis] - half
    first, last = images.narrow(axis, 0, half), images.narrow(axis, rest, half).flip(axis)
    middle = images.narrow(axis, half, rest - half)  # one row or column when the side is odd
    return torch.cat([(first + last) * 0.5**0.5, middle], dim=axis), torch.mul(first - last, 0.5**0.5)


TILE = 1024  # references in one matrix of estimates, at most
FEW = 128  # queries in it, at most, and images that are prepared at a time
COPIES = 4  # of images, as float32, while they are prepared; of references that are prepared one stays
LENGTH = 2048  # numbers in one product
PAIR_BYTES = 1 << 22  # of one operand when differences are taken: what stays in a processor's cache
UNIT = 2.0**-24  # rounding of float32


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
    """Return each query's k nearest references by Euclidean distance, a reference counting once, at its smallest
    distance over `flips`.

    Args:
        queries: (Q, ..., H, W) real numbers of any type, on any device; (Q, ...) where `flips` is ``identity`` alone.
        references: (R, ..., H, W), or blocks of them in order; each block is read once and let go.
        k: neighbours per query, from 1.
        flips: names from `AXES`; on a tie the first one counts.
        query_groups: (Q,) group numbers. With `reference_groups`, only references of another group count.
        reference_groups: (R,) group numbers.
        memory_mb: bound, in MB, of what is held beside the queries and one block. Less is slower, with the same result.

    Raises:
        ValueError: k below 1, shapes that differ, or a value that is not finite.
    """
    if k < 1:
        raise ValueError(f"k is {k}; it is a number of neighbours, from 1")
    if not len(queries):
        return Nearest(np.empty((0, k)), np.empty((0, k), dtype=np.int64), np.empty((0, k), dtype=np.int64))
    room = memory_mb * 1e6 / (4 * max(1, queries.shape[1:].numel()))  # images that fit
    few = int(max(1, min(FEW, room / (4 * COPIES))))  # queries in hand are a quarter, those to be prepared another
    rows = int(max(1, min(TILE, room / 4)))  # and references the rest, twice while they are put together
    tiles = [slice(start, start + few) for start in range(0, len(queries), few)]
    best = [_Best(len(queries[tile]), k) for tile in tiles]
    blocks = [references] if isinstance(references, Tensor) else references
    first = 0
    with torch.no_grad(), full_precision(queries.device):
        centre = _centre(queries[:few], flips)
        for values in (part for block in blocks for part in torch.split(block, rows) if len(part)):
            right = _Side.joined(
                [_Side.of(some.to(queries.device), centre, flips) for some in torch.split(values, few)]
            )
            for tile, kept in zip(tiles, best, strict=True):
                counts = None
                if query_groups is not None and reference_groups is not None:
                    counts = query_groups[tile][:, None] != reference_groups[None, first : first + len(values)]
                left = _Side.of(queries[tile], centre, flips)
                pairs = _candidates(left, right, flips, kept.distances[:, -1], k, counts)
                kept.add(*pairs, _measure(left.values, right.values, flips, *pairs), first)
            first += len(values)
    columns = [(kept.distances, kept.indices, kept.flips) for kept in best]
    return Nearest(*(np.concatenate(column) for column in zip(*columns, strict=True)))


class _Side(NamedTuple):
    """A tile of queries or references: (N, ...) as they are, centred and folded in float32, and (N,) squared norms."""

    values: Tensor
    parts: list[Tensor]
    squares: Tensor

    @classmethod
    def of(cls, values: Tensor, centre: Tensor, flips: Sequence[str]) -> _Side:
        if values.shape[1:] != centre.shape:
            raise ValueError(f"queries have shape {tuple(centre.shape)}, references {tuple(values.shape[1:])}")
        parts = fold((values.to(centre.dtype) - centre).to(torch.float32), flips)
        squares = torch.stack([part.square().sum(dim=1, dtype=torch.float64) for part in parts]).sum(dim=0)
        if not bool(squares.isfinite().all()):
            raise ValueError("a query or reference holds a value that is not finite")
        return cls(values, parts, squares)

    @classmethod
    def joined(cls, sides: Sequence[_Side]) -> _Side:
        values, parts, squares = zip(*sides, strict=True)
        return cls(torch.cat(values), [torch.cat(part) for part in zip(*parts, strict=True)], torch.cat(squares))


class _Best:
    """The k nearest of each query of a tile so far."""

    def __init__(self, queries: int, k: int) -> None:
        self.distances = np.full((queries, k), np.inf)
        self.indices = np.full((queries, k), -1, dtype=np.int64)
        self.flips = np.zeros((queries, k), dtype=np.int64)

    def add(self, flips: Ints, queries: Ints, references: Ints, distances: Floats, first: int) -> None:
        """Take measured pairs in; `references` count from `first`."""
        count, k = self.distances.shape
        query = np.concatenate([np.repeat(np.arange(count), k), queries])
        index = np.concatenate([self.indices.ravel(), references + first])
        distance = np.concatenate([self.distances.ravel(), distances])
        flip = np.concatenate([self.flips.ravel(), flips])
        # each reference once, at its nearest flip
        order = np.lexsort((flip, distance, index, query))
        same = (np.diff(query[order]) == 0) & (np.diff(index[order]) == 0) & (index[order][1:] >= 0)
        order = order[np.concatenate([[True], ~same])]
        # the k nearest of each query, ties to the lower index
        order = order[np.lexsort((index[order], distance[order], query[order]))]
        starts = np.searchsorted(query[order], np.arange(count))
        chosen = order[starts[:, None] + np.arange(k)]
        self.distances, self.indices, self.flips = distance[chosen], index[chosen], flip[chosen]


def _centre(queries: Tensor, flips: Sequence[str]) -> Tensor:
    """Return a mean that no flip changes: shorter vectors have smaller rounding errors, distances stay."""
    exact = queries.dtype in (torch.float64, torch.int64, torch.int32)
    mean = queries.to(torch.float64 if exact else torch.float32).mean(dim=0)
    for axis in flipped_axes(flips):
        mean = (mean + mean.flip(axis)) / 2
    return mean


def _candidates(
    left: _Side, right: _Side, flips: Sequence[str], farthest: Floats, k: int, counts: Bools | None
) -> tuple[Ints, Ints, Ints]:
    """Return (flip, query, reference) of every pair that may be among the k nearest of its query.

    Args:
        left: Q queries.
        right: R references.
        flips: names from `AXES`.
        farthest: (Q,) distance beyond which nothing is wanted any more.
        k: neighbours wanted.
        counts: (Q, R) whether a reference counts for a query; None: all do.
    """
    estimate = _estimate(left, right, flips)
    bound = (LENGTH + left.values[0].numel() / LENGTH + 64) * UNIT
    slack = (bound * (left.squares + right.squares.max())).to(estimate)[:, None]  # (Q, 1): at most so wrong
    possible = None if counts is None else torch.from_numpy(counts).to(estimate.device)
    best = estimate.amin(dim=0) if possible is None else estimate.amin(dim=0).masked_fill_(~possible, torch.inf)
    limit = torch.from_numpy(farthest**2 * (1 + 8 * UNIT)).to(estimate)[:, None]
    if len(right.values) >= k:
        limit = torch.minimum(limit, best.topk(k, dim=1, largest=False).values[:, -1:] + slack)
    wanted = estimate <= limit + slack
    pairs = (wanted if possible is None else wanted & possible).nonzero().cpu().numpy()
    return pairs[:, 0], pairs[:, 1], pairs[:, 2]


def _estimate(left: _Side, right: _Side, flips: Sequence[str]) -> Tensor:
    """Return (flips, Q, R) estimated squared distances in float32."""
    products = []
    for ours, theirs in zip(left.parts, right.parts, strict=True):
        total = torch.zeros(len(ours), len(theirs), device=ours.device)
        for a, b in zip(torch.split(ours, LENGTH, dim=1), torch.split(theirs, LENGTH, dim=1), strict=True):
            total.addmm_(a, b.T, alpha=-2)
        products.append(total)
    estimate = (left.squares[:, None].float() + right.squares.float()).repeat(len(flips), 1, 1)
    for flipped, row in zip(estimate, signs(flips).tolist(), strict=True):
        for sign, product in zip(row, products, strict=True):
            flipped.add_(product, alpha=sign)
    return estimate


def _measure(
    queries: Tensor, references: Tensor, flips: Sequence[str], flip: Ints, query: Ints, reference: Ints
) -> Floats:
    """Return the distances of pairs, from their differences; the pairs are sorted by flip."""
    out = np.empty(len(query))
    work = torch.float32 if queries.dtype == references.dtype == torch.uint8 else torch.float64  # 255² is exact
    rows = max(1, PAIR_BYTES // (4 * max(1, queries[0].numel())))
    starts = np.searchsorted(flip, np.arange(len(flips) + 1))
    for number, name in enumerate(flips):
        for start in range(starts[number], starts[number + 1], rows):
            part = slice(start, min(start + rows, starts[number + 1]))
            ours, theirs = (  # several times faster than by an index in brackets
                side.index_select(0, torch.from_numpy(rows[part]).to(queries.device))
                for side, rows in ((queries, query), (references, reference))
            )
            # a flip undoes itself: flipping the query is flipping the reference
            difference = apply_flip(ours, name).to(work).sub_(theirs.to(work)).flatten(1)
            out[part] = np.sqrt(difference.square_().sum(dim=1, dtype=torch.float64).cpu().numpy())
    return out
