"""Exact distances between images of whole gray levels, 0..255, by products of integers alone.

    |q - r|² = |q - 128|² + |r - 128|² - 2 <q - 128, r - 128>

Every term is a whole number. Processors with short integer products add up numbers of 8 bits in 32; elsewhere the
products are float32 ones of so few numbers at a time that every partial sum stays below 2²⁴, where float32 counts in
ones. So nothing is estimated and nothing measured again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from flawforge.core.arrays import Bools, Floats, Ints
from flawforge.metrics.neighbours.coarse import is_fast
from flawforge.metrics.neighbours.flips import apply_flip

MIDDLE = 128  # gray level that is taken away: what is left fits into 8 bits with a sign
EXACT = 2**24 // MIDDLE**2  # products whose sum float32 holds exactly
LONG = 2**31 // MIDDLE**2 // 2  # products whose sum 32 bits hold
ROWS = 64  # images squared at a time: what stays in a processor's cache
NONE = torch.iinfo(torch.int64).max


def is_whole(*sides: Tensor) -> bool:
    """Return whether all are uint8 and on the processor, so that `closest` applies."""
    return all(side.dtype == torch.uint8 and side.device.type == "cpu" for side in sides)


def closest(
    left: Tensor,
    right: Tensor,
    flips: Sequence[str],
    farthest: Floats,
    k: int,
    counts: Bools | None,
) -> tuple[Ints, Ints, Ints, Floats]:
    """Return (flip, query, reference, distance) of every pair among the k nearest of its query, ties included.

    Args:
        left: (Q, ..., H, W) uint8 queries.
        right: (R, ..., H, W) uint8 references.
        flips: names from `flawforge.metrics.neighbours.flips.AXES`; a reference counts once, at the nearest, the first
        of equals.
        farthest: (Q,) distance beyond which nothing is wanted any more.
        k: neighbours wanted.
        counts: (Q, R) whether a reference counts for a query; None: all do.

    Raises:
        ValueError: the images differ in shape.
    """
    if left.shape[1:] != right.shape[1:]:
        raise ValueError(f"queries have shape {tuple(left.shape[1:])}, references {tuple(right.shape[1:])}")
    ours, theirs = _signed(left), _signed(right)
    squares = _squares(ours)[:, None] + _squares(theirs)
    best, flip = torch.full_like(squares, NONE), torch.zeros(squares.shape, dtype=torch.uint8)
    for number, name in enumerate(flips):
        turned = _signed(apply_flip(left, name)) if number or name != "identity" else ours
        found = squares - 2 * _products(turned, theirs)  # a flip undoes itself: of the query or of the reference
        nearer = found < best
        best, flip = torch.where(nearer, found, best), flip.masked_fill_(nearer, number)
    if counts is not None:
        best.masked_fill_(torch.from_numpy(~counts), NONE)
    known = np.isfinite(farthest)
    limit = torch.from_numpy(np.where(known, np.rint(np.where(known, farthest, 0) ** 2), 2**62).astype(np.int64))
    if len(right) >= k:
        limit = torch.minimum(limit, best.topk(k, dim=1, largest=False).values[:, -1])
    wanted = (best <= limit[:, None]) & (best < NONE)
    query, reference = (column.numpy() for column in wanted.nonzero(as_tuple=True))
    return flip[wanted].numpy().astype(np.int64), query, reference, np.sqrt(best[wanted].numpy().astype(np.float64))


def _signed(images: Tensor) -> Tensor:
    """Return (N, D) int8: the gray levels less 128."""
    return images.bitwise_xor(MIDDLE).view(torch.int8).flatten(1)


def _squares(values: Tensor) -> Tensor:
    """Return (N,) int64 squared norms of (N, D) int8."""
    out = torch.zeros(len(values), dtype=torch.int64)
    for start in range(0, len(values), ROWS):
        for piece in torch.split(values[start : start + ROWS], EXACT, dim=1):
            out[start : start + ROWS] += piece.float().square_().sum(dim=1).long()
    return out


def _products(a: Tensor, b: Tensor) -> Tensor:
    """Return (Q, R) int64 scalar products of (Q, D) and (R, D) int8."""
    total = torch.zeros(len(a), len(b), dtype=torch.int64)
    if not total.numel():
        return total
    short = is_fast(a.device) and hasattr(torch, "_int_mm")
    length = LONG if short else EXACT
    for ours, theirs in zip(torch.split(a, length, dim=1), torch.split(b, length, dim=1), strict=True):
        total += torch._int_mm(ours, theirs.T) if short else (ours.float() @ theirs.float().T).long()
    return total
