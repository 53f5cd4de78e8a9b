"""Defect agreement: does a marked defect repeat another one, turned, mirrored, in another light and place?

A defect that was cut out and put on another ground keeps its outline and what is seen inside it. So both masks are laid
on each other by the middles of their boxes and shifted by a few pixels, under the eight symmetries; what counts is how
well levels (without their light) and finest structure correlate where both are marked, times a power of the overlap of
the outlines, since dark spots are alike inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from flawforge.core.arrays import Bools, Floats32

FINE, COARSE, NEAR = 0.7, 2.5, 4.0  # pixels: of the band's two Gaussians, and of that over which contrast is local
SHARED = 0.1  # of the mean contrast that is added to the local one
ROOM = 4  # pixels around a defect that are looked at
SHIFT = 2  # pixels by which the middles of two boxes may lie apart
UNLIKE = 0.15, 4  # of a side, and pixels beside, by which the boxes of one defect may differ
OVERLAP = 0.3  # of two outlines (IoU), below which nothing is compared
POWER = 4  # of the overlap, that the correlation is multiplied with
FEWEST = 16  # marked pixels of a defect that is compared: fewer agree by chance
MOST = 0.999  # agreement that Fisher's z is taken of, at most


class DefectMatch(NamedTuple):
    """The reference that agrees best: Fisher z of the agreement (0 where nothing does), its index (-1), and the
    symmetry that lays the defect onto it, as `apply_symmetry` counts them.
    """

    score: float
    reference: int = -1
    symmetry: int = 0


@dataclass(frozen=True)
class DefectPatch:
    """A defect with what is around it, each plane (h, w).

    Attributes:
        levels: gray, without their light. fine: the finest band over its local contrast. mask: what is marked.
    """

    levels: Floats32
    fine: Floats32
    mask: Bools

    @classmethod
    def of(cls, pixels: Floats32, light: Floats32, mask: Bools) -> DefectPatch | None:
        """Cut a defect out of its image; None where it has fewer than 16 pixels.

        Args:
            pixels: (H, W) gray, 0 to 1. light: (H, W), the image's. mask: (H, W) bool.
        """
        if int(mask.sum()) < FEWEST:
            return None
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        part = (
            slice(max(0, int(rows[0]) - ROOM), int(rows[-1]) + ROOM + 1),
            slice(max(0, int(columns[0]) - ROOM), int(columns[-1]) + ROOM + 1),
        )
        own = pixels[part]
        band = ndimage.gaussian_filter(own, FINE) - ndimage.gaussian_filter(own, COARSE)
        spread = ndimage.gaussian_filter(band * band, NEAR)
        fine = band / np.sqrt(spread + SHARED * spread.mean() + 1e-7)
        return cls((own - light[part]).astype(np.float32), fine.astype(np.float32), mask[part])

    @cached_property
    def box(self) -> tuple[int, int, int, int]:
        """Top, left, bottom and right of what is marked, the last two outside."""
        rows, columns = np.flatnonzero(self.mask.any(1)), np.flatnonzero(self.mask.any(0))
        return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1

    @cached_property
    def area(self) -> int:
        """Marked pixels."""
        return int(np.count_nonzero(self.mask))

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width of what is marked."""
        top, left, bottom, right = self.box
        return bottom - top, right - left

    def under(self, symmetry: int) -> DefectPatch:
        """Return it mirrored left-right (1), mirrored up-down (2), then transposed (4), by the bits."""

        def turned(plane: Floats32 | Bools) -> Floats32 | Bools:
            plane = plane[:: -1 if symmetry & 2 else 1, :: -1 if symmetry & 1 else 1]
            return plane.T if symmetry & 4 else plane

        return DefectPatch(*(turned(plane) for plane in (self.levels, self.fine, self.mask)))  # type: ignore[arg-type]


def match_defect(defect: DefectPatch, references: list[DefectPatch], allowed: list[bool]) -> DefectMatch:
    """Return the reference that a defect agrees with best, of those that are allowed."""
    best, at = 0.0, (-1, 0)
    for symmetry in range(8):
        view = defect.under(symmetry)
        for index, reference in enumerate(references):
            if allowed[index] and _alike(view.sides, reference.sides):
                found = agreement(view, reference, best)
                best, at = (found, (index, symmetry)) if found > best else (best, at)
    return DefectMatch(float(np.arctanh(min(MOST, best))), *at)


def agreement(one: DefectPatch, other: DefectPatch, least: float = 0.0) -> float:
    """Return how well two defects agree as they lie, 0 to 1: the best over small shifts; 0 where that is not above
    `least`.
    """
    size = max(one.sides[0], other.sides[0]), max(one.sides[1], other.sides[1])
    levels, fine, marked = _centred(one, size, 0)
    theirs, areas, best = _centred(other, size, SHIFT), one.area + other.area, least
    for down in range(2 * SHIFT + 1):
        for right in range(2 * SHIFT + 1):
            part = slice(down, down + size[0]), slice(right, right + size[1])
            both = marked & theirs[2][part]
            common = np.count_nonzero(both)
            overlap = common / (areas - common)
            if overlap < OVERLAP or overlap**POWER <= best:
                continue
            inside = _correlation(levels[both], theirs[0][part][both]) + _correlation(fine[both], theirs[1][part][both])
            best = max(best, inside / 2 * overlap**POWER)
    return best if best > least else 0.0


def _alike(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return all(abs(a - b) <= UNLIKE[1] + UNLIKE[0] * max(a, b) for a, b in zip(one, other, strict=True))


def _centred(patch: DefectPatch, size: tuple[int, int], room: int) -> tuple[Floats32, Floats32, Bools]:
    """Return levels, finest structure and mask of a defect in the middle of planes of (height, width) `size`, with so
    many pixels of `room` around; nothing beside it.
    """
    top, left, bottom, right = patch.box
    down, across = room + (size[0] - (bottom - top)) // 2, room + (size[1] - (right - left)) // 2
    whole = size[0] + 2 * room, size[1] + 2 * room
    levels, fine, mask = np.zeros(whole, np.float32), np.zeros(whole, np.float32), np.zeros(whole, bool)
    for plane, own in ((levels, patch.levels), (fine, patch.fine), (mask, patch.mask)):
        plane[down : down + bottom - top, across : across + right - left] = own[top:bottom, left:right]
    return levels, fine, mask


def _correlation(one: Floats32, other: Floats32) -> float:
    one, other = one - one.mean(), other - other.mean()
    scale = float(np.sqrt(float(one @ one) * float(other @ other)))
    return float(one @ other) / scale if scale > 1e-9 else 0.0
