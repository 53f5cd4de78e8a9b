"""Whether defects in one part of the image are found less often than their size and contrast let expect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flawforge.core.arrays import Bools, Floats, Ints

SIDES = 3  # cells of the map down and across
CHANCE = 0.05  # of calling any cell blind where none is


@dataclass(frozen=True)
class PlaceMap:
    """The map, (3, 3) each: defects, those found, those expected to be found, and where the inspector is blind."""

    count: Ints
    found: Ints
    expected: Floats
    blind: Bools


def map_places(middles: Sequence[tuple[float, float]], hits: Bools, expected: Floats) -> PlaceMap:
    """Count by place, row by row; a cell is blind where so few hits come by chance in 5 of 100 maps at most
    (Poisson-binomial tail, Bonferroni over the cells).

    Args:
        middles: (N,) pairs (down, right), shares of the image. hits: (N,) bool. expected: (N,) chances of a hit.
    """
    at = np.clip((np.asarray(middles, dtype=np.float64).reshape(-1, 2) * SIDES).astype(int), 0, SIDES - 1)
    cells = at[:, 0] * SIDES + at[:, 1]
    size = SIDES**2
    count, found = np.bincount(cells, minlength=size), np.bincount(cells[hits], minlength=size)
    likely = np.bincount(cells, expected, size).astype(np.float64)
    blind = [
        bool(count[cell]) and tail(expected[cells == cell], int(found[cell])) < CHANCE / size for cell in range(size)
    ]
    square = (SIDES, SIDES)
    return PlaceMap(
        count.reshape(square), found.reshape(square), likely.reshape(square), np.array(blind).reshape(square)
    )


def tail(chances: Floats, found: int) -> float:
    """Return the chance of at most `found` hits, of independent ones with these chances."""
    spread = np.ones(1)
    for chance in chances:
        spread = np.convolve(spread, [1 - chance, chance])
    return float(spread[: found + 1].sum())
