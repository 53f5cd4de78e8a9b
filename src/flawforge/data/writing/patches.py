"""Patches: the pixels of one defect, cut to them, their connected parts and their outlines.

Outlines run along the borders of pixels: drawn again by our rule (`regions`), they give the same pixels.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from flawforge.core.arrays import Bools

Point = tuple[int, int]
Ring = list[Point]  # corners (x, y), each once, no three on a line


@dataclass(frozen=True)
class Patch:
    """The pixels of a defect.

    Attributes:
        pixels: (h, w) bool, with a True in each outer row and column.
        left: column of the image where it begins.
        top: row likewise.
    """

    pixels: Bools
    left: int
    top: int

    @property
    def box(self) -> tuple[int, int, int, int]:
        """(left, top, right, bottom), right and bottom outside."""
        height, width = self.pixels.shape
        return self.left, self.top, self.left + width, self.top + height

    @property
    def area(self) -> int:
        """The number of its pixels."""
        return int(self.pixels.sum())

    def draw_on(self, mask: Bools) -> None:
        """Mark its pixels in an (H, W) mask."""
        left, top, right, bottom = self.box
        mask[top:bottom, left:right] |= self.pixels


def patch_of(mask: Bools) -> Patch | None:
    """Return the marked pixels of an (H, W) mask, None where there are none."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    top, left = int(rows[0]), int(columns[0])
    return Patch(mask[top : rows[-1] + 1, left : columns[-1] + 1], left, top)


def parts_of(patch: Patch, *, diagonal: bool = False) -> list[Patch]:
    """Return the connected parts, from the top.

    Args:
        patch: the pixels.
        diagonal: pixels that touch at a corner belong together too.
    """
    numbered, _ = ndimage.label(patch.pixels, np.ones((3, 3)) if diagonal else None)
    return [
        Patch(numbered[rows, columns] == number, patch.left + columns.start, patch.top + rows.start)
        for number, (rows, columns) in enumerate(ndimage.find_objects(numbered), start=1)
    ]


def rings_of(patch: Patch) -> list[Ring]:
    """Return the outlines of one part (of `parts_of`, without diagonals): the outer one first, then the holes.

    The defect lies on the right hand.
    """
    inside = np.pad(patch.pixels, 1)
    leaving: dict[Point, list[Point]] = defaultdict(list)
    for dy, dx, start, end in (  # the neighbour that is outside; from where to where the border runs
        (-1, 0, (0, 0), (1, 0)),
        (0, 1, (1, 0), (1, 1)),
        (1, 0, (1, 1), (0, 1)),
        (0, -1, (0, 1), (0, 0)),
    ):
        border = inside & ~np.roll(inside, (-dy, -dx), axis=(0, 1))
        for y, x in (np.argwhere(border) + np.array([patch.top - 1, patch.left - 1])).tolist():
            leaving[x + start[0], y + start[1]].append((x + end[0], y + end[1]))
    rings = []
    while leaving:
        rings.append(_straightened(_round(min(leaving), leaving)))
    return rings


def _round(first: Point, leaving: dict[Point, list[Point]]) -> Ring:
    """Follow the border from its leftmost point until it is back; the steps are taken out."""
    ring, here, before = [first], first, first
    while True:
        ways = leaving[here]
        way = min(ways, key=lambda to: _turn(before, here, to))  # where two borders touch, round the same pixel
        ways.remove(way)
        if not ways:
            del leaving[here]
        before, here = here, way
        if here == first:
            return ring
        ring.append(here)


def _turn(before: Point, here: Point, to: Point) -> int:
    """Return -1 for a turn to the right, 1 to the left, 0 for none."""
    ahead, onward = (here[0] - before[0], here[1] - before[1]), (to[0] - here[0], to[1] - here[1])
    return ahead[1] * onward[0] - ahead[0] * onward[1]


def _straightened(ring: Ring) -> Ring:
    """Leave out the points on straight lines."""
    around = zip([ring[-1], *ring[:-1]], ring, [*ring[1:], ring[0]], strict=True)
    return [here for before, here, after in around if _turn(before, here, after)]


def bridged(rings: list[Ring]) -> Ring:
    """Return one outline of an outer ring and its holes: level bridges of no width lead to each hole and back.

    A level bridge crosses no row of pixel centres, so that it marks nothing.
    """
    outline = list(rings[0])
    for hole in sorted(rings[1:], key=min):
        x, y = min(hole)
        walls = [
            (one[0], place)
            for place, (one, other) in enumerate(zip(outline, [*outline[1:], outline[0]], strict=True))
            if one[0] == other[0] < x and min(one[1], other[1]) <= y <= max(one[1], other[1])
        ]
        wall, place = max(walls)
        start = hole.index((x, y))
        outline[place + 1 : place + 1] = [(wall, y), *hole[start:], *hole[: start + 1], (wall, y)]
    return outline
