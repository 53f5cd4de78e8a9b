"""A tile of queries against a tile of references: what may be near by estimate, and how near it is.

An estimate is one matrix product, ``|q|² + |r|² - 2<q, r>``. Its rounding error has a bound (Higham 2002, "Accuracy and
Stability of Numerical Algorithms", section 3.1: a product of length m, added up in any order, is within
m·u / (1 - m·u) of |q|·|r|, u = 2⁻²⁴), kept small by multiplying no more than `LENGTH` numbers at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flawforge.metrics.flips import apply_flip, flipped_axes, fold, signs

LENGTH = 2048  # numbers in one product
PAIR_BYTES = 1 << 22  # of one operand when differences are taken: what stays in a processor's cache
UNIT = 2.0**-24  # rounding of float32


class Side:
    """A tile of queries or references: the values as they are, and centred and folded for the estimate."""

    def __init__(self, values: Tensor, centre: Tensor, flips: Sequence[str]) -> None:
        if values.shape[1:] != centre.shape:
            raise ValueError(f"queries have shape {tuple(centre.shape)}, references {tuple(values.shape[1:])}")
        self.values = values
        centred = (values.to(centre.dtype) - centre).to(torch.float32)
        self.parts = fold(centred, flips)
        self.squares = torch.stack([part.square().sum(dim=1, dtype=torch.float64) for part in self.parts]).sum(dim=0)
        if not bool(self.squares.isfinite().all()):
            raise ValueError("a query or reference holds a value that is not finite")

    def __len__(self) -> int:
        return len(self.values)


def centre_of(queries: Tensor, flips: Sequence[str]) -> Tensor:
    """Return a mean that no flip changes: shorter vectors have smaller rounding errors, distances stay."""
    work = torch.float64 if queries.dtype in (torch.float64, torch.int64, torch.int32) else torch.float32
    if len(queries) == 0:
        return torch.zeros(queries.shape[1:], dtype=work, device=queries.device)
    mean = queries.to(work).mean(dim=0)
    for axis in flipped_axes(flips):
        mean = (mean + mean.flip(axis)) / 2
    return mean


def candidates(
    left: Side,
    right: Side,
    flips: Sequence[str],
    farthest: NDArray[np.float64],
    k: int,
    counts: NDArray[np.bool_] | None,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return (flip, query, reference) of every pair that may be among the k nearest of its query.

    Args:
        left: Q queries.
        right: R references.
        flips: names from `flawforge.metrics.flips.AXES`.
        farthest: (Q,) distance beyond which nothing is wanted any more.
        k: neighbours wanted.
        counts: (Q, R) whether a reference counts for a query; None: all do.
    """
    device = left.values.device
    estimate = _estimate(left, right, flips)  # (flips, Q, R) squared distances
    length = sum(part.shape[1] for part in left.parts)
    bound = (LENGTH + length / LENGTH + 64) * UNIT
    largest = right.squares.max() if len(right) else 0.0
    slack = (bound * (left.squares + largest)).to(torch.float32)[:, None]  # (Q, 1): at most so wrong
    best = estimate[0] if len(estimate) == 1 else estimate.amin(dim=0)
    if counts is not None:
        possible = torch.from_numpy(counts).to(device)
        best = best.masked_fill(~possible, torch.inf)
    limit = torch.from_numpy(farthest**2 * (1 + 8 * UNIT)).to(device, torch.float32)[:, None]
    if len(right) >= k:
        limit = torch.minimum(limit, best.topk(k, dim=1, largest=False).values[:, -1:] + slack)
    near = estimate <= limit + slack
    found = (near if counts is None else near & possible).nonzero().cpu().numpy()
    return found[:, 0], found[:, 1], found[:, 2]


def _estimate(left: Side, right: Side, flips: Sequence[str]) -> Tensor:
    products = []
    for ours, theirs in zip(left.parts, right.parts, strict=True):
        total = torch.zeros(len(left), len(right), device=ours.device)
        for a, b in zip(torch.split(ours, LENGTH, dim=1), torch.split(theirs, LENGTH, dim=1), strict=True):
            total.addmm_(a, b.T, alpha=-2)
        products.append(total)
    rows, columns = left.squares.to(torch.float32)[:, None], right.squares.to(torch.float32)[None, :]
    if len(flips) == 1:  # no parts: the product as it is, in place
        return products[0].add_(rows).add_(columns)[None]
    squares = rows + columns
    estimates = []
    for row in signs(flips).tolist():
        estimate = squares.clone()
        for sign, product in zip(row, products, strict=True):
            estimate.add_(product, alpha=sign)
        estimates.append(estimate)
    return torch.stack(estimates)


def measure(
    left: Side,
    right: Side,
    flips: Sequence[str],
    flip: NDArray[np.int64],
    query: NDArray[np.int64],
    reference: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return the distances of pairs, from their differences; the pairs are sorted by flip."""
    out = np.empty(len(query))
    work = torch.float32 if left.values.dtype == torch.uint8 else torch.float64  # 255² is exact in the short one
    rows = max(1, PAIR_BYTES // (4 * max(1, left.values[:1].numel())))
    starts = np.searchsorted(flip, np.arange(len(flips) + 1))
    for number, name in enumerate(flips):
        for start in range(starts[number], starts[number + 1], rows):
            part = slice(start, min(start + rows, starts[number + 1]))
            ours = left.values[torch.from_numpy(query[part]).to(left.values.device)]
            theirs = right.values[torch.from_numpy(reference[part]).to(left.values.device)]
            # a flip undoes itself: flipping the query is flipping the reference
            difference = (apply_flip(ours.to(work), name) - theirs.to(work)).flatten(1)
            out[part] = np.sqrt(difference.square_().sum(dim=1, dtype=torch.float64).cpu().numpy())
    return out
