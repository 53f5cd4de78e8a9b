"""Whether defects in one part of the image are found less often than their size and contrast let expect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flawforge.core.arrays import Bools, Floats

SIDES = 3  # cells of the map down and across
CHANCE = 0.05  # of calling any cell blind where none is


@dataclass(frozen=True)
class PlaceCell:
    """A cell of the map: row and column from the top left, defects in it, found, expected; and whether it is blind."""

    row: int
    column: int
    count: int
    found: int
    expected: float
    blind: bool


def map_places(middles: Sequence[tuple[float, float]], hits: Bools, expected: Floats) -> list[PlaceCell]:
    """Count by place, row by row; a cell is blind where so few hits come by chance in 5 of 100 maps at most
    (Poisson-binomial tail, Bonferroni over the cells).

    Args:
        middles: (N,) pairs (down, right), shares of the image. hits: (N,) bool. expected: (N,) chances of a hit.
    """
    at = np.clip((np.asarray(middles, dtype=np.float64) * SIDES).astype(int), 0, SIDES - 1)
    cells = []
    for row in range(SIDES):
        for column in range(SIDES):
            inside = (at[:, 0] == row) & (at[:, 1] == column)
            found = int(hits[inside].sum())
            blind = bool(inside.any()) and tail(expected[inside], found) < CHANCE / SIDES**2
            cells.append(PlaceCell(row, column, int(inside.sum()), found, float(expected[inside].sum()), blind))
    return cells


def tail(chances: Floats, found: int) -> float:
    """Return the chance of at most `found` hits, of independent ones with these chances."""
    spread = np.ones(1)
    for chance in chances:
        spread = np.convolve(spread, [1 - chance, chance])
    return float(spread[: found + 1].sum())
