"""A first, coarse estimate of distances, in half the bytes: what is surely not near need not be looked at closer.

Processors with bfloat16 products multiply such matrices about four times as fast as float32 ones. A vector x is rounded
to x', and what is lost has the known norm |x - x'|, so that

    |<q, r> - <q', r'>| <= |q - q'| |r| + |q'| |r - r'|      (Cauchy-Schwarz)

and nothing that could be among the nearest is ever passed over: the bound is computed, not assumed. With ``p = <q, r> -
|r|²/2``, the squared distance is ``|q|² - 2p``; the second term rides along in the product as three more numbers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from flawforge.core.arrays import Bools, Floats, Ints

UNIT = 2.0**-24  # rounding of float32, in which the products are summed
OUTPUT = 2.0**-8  # of the product's result, in bfloat16, at most
EXTRA = 3  # bfloat16 numbers that carry |r|²/2 to 24 bits
MOST = 16  # candidates for each neighbour wanted; beyond, the coarse estimate is no help
SMALLEST, LARGEST = 1e-12, 1e24  # squared norms for which no product leaves the number format


@dataclass(frozen=True)
class Coarse:
    """Vectors in bfloat16.

    Attributes:
        values: (N, D) bfloat16.
        halves: (N, 3) bfloat16 that add up to minus half the squared norm.
        squares: (N,) float64 squared norms before rounding.
        lost: (N,) float64 norm of what rounding took away.
    """

    values: Tensor
    halves: Tensor
    squares: Tensor
    lost: Tensor

    @classmethod
    def of(cls, pieces: Iterable[Tensor], squares: Tensor) -> Coarse | None:
        """Round N vectors; None where the number format does not reach.

        Args:
            pieces: (n, D) float32, some of the vectors at a time.
            squares: (N,) their squared norms.
        """
        if not len(squares) or not (SMALLEST < float(squares.max()) < LARGEST):
            return None
        short, losses = [], []
        for vectors in pieces:
            short.append(vectors.to(torch.bfloat16))
            losses.append(torch.linalg.vector_norm(vectors - short[-1], dim=1, dtype=torch.float64))
        values, lost = torch.cat(short), torch.cat(losses)
        rest, parts = -squares / 2, []
        for _ in range(EXTRA):
            parts.append(rest.to(torch.bfloat16))
            rest = rest - parts[-1].double()
        return cls(values, torch.stack(parts, dim=1), squares, lost)


def is_fast(device: torch.device) -> bool:
    """Return whether bfloat16 products are faster than float32 ones, and summed in float32, on this device."""
    if device.type != "cpu":
        return False
    known = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(bool(asked()) for asked in known if asked is not None)


def near(left: Coarse, right: Coarse, farthest: Floats, k: int, counts: Bools | None) -> tuple[Ints, Ints] | None:
    """Return (query, reference) of every pair that may be among the k nearest of its query; None if they are too many.

    Args:
        left: Q queries.
        right: R references.
        farthest: (Q,) distance beyond which nothing is wanted any more.
        k: neighbours wanted.
        counts: (Q, R) whether a reference counts for a query; None: all do.
    """
    queries, references = len(left.values), len(right.values)
    ones = torch.ones(queries, EXTRA, dtype=torch.bfloat16)
    product = torch.cat([left.values, ones], dim=1) @ torch.cat([right.values, right.halves], dim=1).T
    if counts is not None:
        product.masked_fill_(torch.from_numpy(~counts), -torch.inf)
    norms, longest, most_lost = left.squares.sqrt(), right.squares.max().sqrt(), right.lost.max()
    rounding = (
        2 * (left.values.shape[1] + EXTRA + 8) * UNIT * ((norms + left.lost) * (longest + most_lost) + longest**2)
    )
    slack = left.lost * longest + (norms + left.lost) * most_lost + rounding  # (Q,) at most so wrong
    limit = torch.from_numpy(farthest**2 * (1 + 8 * UNIT))
    if references >= k and not bool(limit.isfinite().all()):
        kth = product.topk(k, dim=1).values[:, -1].double()
        limit = torch.minimum(limit, left.squares - 2 * (kth - kth.abs() * OUTPUT - slack))
    least = (left.squares - limit) / 2 - slack
    wanted = product >= _rounded_down(least)[:, None]
    pairs = np.flatnonzero(wanted.numpy())
    if counts is not None:
        pairs = pairs[counts.ravel()[pairs]]
    if len(pairs) > MOST * k * max(1, queries):
        return None
    return pairs // references, pairs % references


def _rounded_down(values: Tensor) -> Tensor:
    """Return the largest bfloat16 number that is no larger, or one below it."""
    short = values.to(torch.bfloat16)
    below = torch.nextafter(short, torch.full_like(short, -torch.inf))
    return torch.where(short.double() > values, below, short)
