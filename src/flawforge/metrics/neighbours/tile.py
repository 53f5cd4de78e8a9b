"""A tile of queries against a tile of references: what may be near by estimate, and how near it is.

An estimate is one matrix product, ``|q|² + |r|² - 2<q, r>``. Its rounding error has a bound (Higham 2002, "Accuracy and
Stability of Numerical Algorithms", section 3.1: a product of length m, added up in any order, is within
m·u / (1 - m·u) of |q|·|r|, u = 2⁻²⁴), kept small by multiplying no more than `LENGTH` numbers at a time. Where the
processor has shorter products (`flawforge.metrics.neighbours.coarse`), they come first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from flawforge.core.arrays import Bools, Floats, Ints
from flawforge.metrics.neighbours.coarse import Coarse, is_fast, near
from flawforge.metrics.neighbours.flips import apply_flip, flipped_axes, fold, signs
from flawforge.metrics.neighbours.integers import MIDDLE, is_whole

LENGTH = 2048  # numbers in one product
ROWS = 512  # that are centred at a time where nothing of it is kept
PAIR_BYTES = 1 << 22  # of one operand when differences are taken: what stays in a processor's cache
UNIT = 2.0**-24  # rounding of float32


class Side:
    """A tile of queries or references: the values as they are, and centred for the estimates, which are made when asked
    for and may be let go.

    Attributes:
        values: (N, ...) as they are.
    """

    def __init__(self, values: Tensor, centre: Tensor, flips: Sequence[str]) -> None:
        if values.shape[1:] != centre.shape:
            raise ValueError(f"queries have shape {tuple(centre.shape)}, references {tuple(values.shape[1:])}")
        self.values = values
        self._centre, self._flips = centre, flips
        self._parts: list[Tensor] | None = None
        self._squares: Tensor | None = None
        self._coarse: Coarse | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def parts(self) -> list[Tensor]:
        """Return the centred values in float32, folded: tensors (N, d)."""
        if self._parts is None:
            self._parts = self._folded(self.values)
        return self._parts

    @property
    def squares(self) -> Tensor:
        """Return (N,) float64 squared norms of the centred values.

        Raises:
            ValueError: a value is not finite.
        """
        if self._squares is None:
            pieces = [self.parts] if self._parts else map(self._folded, torch.split(self.values, ROWS))
            sums = [_squares(piece) for piece in pieces]
            self._squares = torch.cat(sums) if sums else torch.zeros(0, dtype=torch.float64)
            if not bool(self._squares.isfinite().all()):
                raise ValueError("a query or reference holds a value that is not finite")
        return self._squares

    @property
    def coarse(self) -> Coarse | None:
        """Return the centred values in bfloat16; None where that is no help, as under flips."""
        if self._coarse is None and has_coarse(self._flips, self.values.device):
            pieces = (self._folded(part)[0] for part in torch.split(self.values, ROWS))
            self._coarse = Coarse.of(pieces, self.squares)
        return self._coarse

    def _folded(self, values: Tensor) -> list[Tensor]:
        return fold((values.to(self._centre.dtype) - self._centre).to(torch.float32), self._flips)

    def let_go(self, coarse: bool) -> None:
        """Forget the float32 values, and with `coarse` the bfloat16 ones too."""
        self._parts = None
        self._coarse = None if coarse else self._coarse


def has_coarse(flips: Sequence[str], device: torch.device) -> bool:
    """Return whether a coarse estimate comes first: under no flips, where the processor is faster at it."""
    return len(flips) == 1 and is_fast(device)


def centre_of(queries: Tensor, flips: Sequence[str]) -> Tensor:
    """Return a mean that no flip changes: shorter vectors have smaller rounding errors, distances stay."""
    work = torch.float64 if queries.dtype in (torch.float64, torch.int64, torch.int32) else torch.float32
    if len(queries) == 0:
        return torch.zeros(queries.shape[1:], dtype=work, device=queries.device)
    if is_whole(queries):  # needed only beside references of another type: any middle will do
        return torch.full(queries.shape[1:], float(MIDDLE))
    mean = queries.to(work).mean(dim=0)
    for axis in flipped_axes(flips):
        mean = (mean + mean.flip(axis)) / 2
    return mean


def candidates(
    left: Side,
    right: Side,
    flips: Sequence[str],
    farthest: Floats,
    k: int,
    counts: Bools | None,
) -> tuple[Ints, Ints, Ints]:
    """Return (flip, query, reference) of every pair that may be among the k nearest of its query.

    Args:
        left: Q queries.
        right: R references.
        flips: names from `flawforge.metrics.neighbours.flips.AXES`.
        farthest: (Q,) distance beyond which nothing is wanted any more.
        k: neighbours wanted.
        counts: (Q, R) whether a reference counts for a query; None: all do.
    """
    if len(right) and left.coarse is not None and right.coarse is not None:
        pairs = near(left.coarse, right.coarse, farthest, k, counts)
        if pairs is not None:
            if left.values.dtype == right.values.dtype == torch.float32:
                pairs = _closest(left, right, *pairs, k)
            return np.zeros(len(pairs[0]), dtype=np.int64), *pairs
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
    wanted = estimate <= limit + slack
    found = (wanted if counts is None else wanted & possible).nonzero().cpu().numpy()
    return found[:, 0], found[:, 1], found[:, 2]


def _squares(parts: Sequence[Tensor]) -> Tensor:
    return torch.stack([part.square().sum(dim=1, dtype=torch.float64) for part in parts]).sum(dim=0)


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


def _closest(left: Side, right: Side, query: Ints, reference: Ints, k: int) -> tuple[Ints, Ints]:
    """Return those of the pairs, sorted by query, that may be among the k nearest by their float32 differences."""
    squares = torch.empty(len(query))
    length = max(1, left.values[:1].numel())
    rows = max(1, PAIR_BYTES // (4 * length))
    queries, references = torch.from_numpy(query), torch.from_numpy(reference)
    ours, theirs = left.values.flatten(1), right.values.flatten(1)
    for part in (slice(start, start + rows) for start in range(0, len(query), rows)):
        difference = ours[queries[part]].sub_(theirs[references[part]])
        torch.sum(difference.square_(), dim=1, out=squares[part])
    found = squares.double().numpy()
    order = np.lexsort((found, query))
    starts, counts = np.unique(query[order], return_index=True, return_counts=True)[1:]
    kth = np.full(len(left), np.inf)
    enough = counts >= k
    kth[query[order][starts[enough]]] = found[order][starts[enough] + k - 1]
    wrong = (length + 8) * UNIT  # relative, of sums of squares in any order
    kept = found * (1 - wrong) <= kth[query] * (1 + wrong) ** 2
    return query[kept], reference[kept]


def measure(
    left: Side,
    right: Side,
    flips: Sequence[str],
    flip: Ints,
    query: Ints,
    reference: Ints,
) -> Floats:
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
