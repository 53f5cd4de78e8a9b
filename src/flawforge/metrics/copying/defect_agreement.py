"""Defect agreement: does a marked defect repeat another one, turned, mirrored, in another light and place?

A defect that was cut out and put on another ground keeps its outline and what is seen inside it, but for a border that
is soft and a light that is new. So both masks are laid on each other by the middles of their boxes and shifted by a few
pixels, under the eight symmetries; what counts is how well levels (without their light) and finest structure correlate
inside both borders, times a power of the overlap of the outlines, since dark spots are alike inside. No pixel outside
the mask is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from flawforge.core.arrays import Bools, Floats, Floats32

FINE, COARSE, NEAR = 0.7, 2.5, 4.0  # pixels: of the finest band's two Gaussians, and of that of its local contrast
LIGHT = 8.0  # pixels of the Gaussian that is taken for the light of a defect, and of that of its local contrast
BORDER = 1.5, 1 / 3  # pixels from the outline that are left out, at most, and share of the defect's half width
SHARED = 0.1  # of the mean contrast that is added to the local one
ROOM = 4  # pixels around a defect that are looked at
SHIFT = 2  # pixels by which the middles of two boxes may lie apart
UNLIKE = 0.15, 4  # of a side, and pixels beside, by which the boxes of one defect may differ
OVERLAP = 0.3  # of two outlines (IoU), below which nothing is compared
POWER = 4  # of the overlap, that the correlation is multiplied with
FEWEST = 16  # marked pixels of a defect that is compared: fewer agree by chance
FEWEST_SHARED = 8  # pixels inside both borders
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
        levels: gray without its light, over its local contrast. fine: the finest band likewise. mask: what is marked.
        core: what is compared of it: without its border.
    """

    levels: Floats32
    fine: Floats32
    mask: Bools
    core: Bools

    @classmethod
    def of(cls, pixels: Floats32, mask: Bools) -> DefectPatch | None:
        """Cut a defect out of its image; None where it has fewer than 16 pixels.

        Args:
            pixels: (H, W) gray, 0 to 1. mask: (H, W) bool.
        """
        if int(mask.sum()) < FEWEST:
            return None
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        part = (
            slice(max(0, int(rows[0]) - ROOM), int(rows[-1]) + ROOM + 1),
            slice(max(0, int(columns[0]) - ROOM), int(columns[-1]) + ROOM + 1),
        )
        own, marked = pixels[part], mask[part]
        depth = ndimage.distance_transform_edt(np.pad(marked, 1, mode="edge"))[1:-1, 1:-1]
        core = marked & (depth > min(BORDER[0], BORDER[1] * float(depth.max())))
        levels = _contrasted(own - _low_pass(own, core, LIGHT), core, LIGHT)
        fine = _contrasted(_low_pass(own, core, FINE) - _low_pass(own, core, COARSE), core, NEAR)
        return cls(levels, fine, marked, core)

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

        planes = (self.levels, self.fine, self.mask, self.core)
        return DefectPatch(*map(turned, planes))  # type: ignore[arg-type]


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
    levels, fine, marked, core = _centred(one, size, 0)
    theirs, areas, best = _centred(other, size, SHIFT), one.area + other.area, least
    for down in range(2 * SHIFT + 1):
        for right in range(2 * SHIFT + 1):
            part = slice(down, down + size[0]), slice(right, right + size[1])
            common = np.count_nonzero(marked & theirs[2][part])
            overlap = common / (areas - common)
            if overlap < OVERLAP or overlap**POWER <= best:
                continue
            both = core & theirs[3][part]
            if np.count_nonzero(both) < FEWEST_SHARED:
                continue
            inside = _correlation(levels[both], theirs[0][part][both]) + _correlation(fine[both], theirs[1][part][both])
            best = max(best, inside / 2 * overlap**POWER)
    return best if best > least else 0.0


def _alike(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return all(abs(a - b) <= UNLIKE[1] + UNLIKE[0] * max(a, b) for a, b in zip(one, other, strict=True))


def _low_pass(plane: Floats | Floats32, core: Bools, sigma: float) -> Floats:
    """Return the Gaussian mean of a plane over the pixels of `core` alone."""
    share: Floats = core.astype(np.float64)
    total: Floats = ndimage.gaussian_filter(plane * share, sigma)
    mean: Floats = total / np.maximum(ndimage.gaussian_filter(share, sigma), 1e-4)
    return mean


def _contrasted(plane: Floats, core: Bools, sigma: float) -> Floats32:
    """Return a plane over its local contrast inside `core`, without the means of its rows and columns: straight lines
    are alike in these.
    """
    spread = _low_pass(plane * plane, core, sigma)
    shown = plane / np.sqrt(spread + SHARED * spread[core].mean() + 1e-7)
    means = [(shown * core).sum(axis, keepdims=True) / np.maximum(core.sum(axis, keepdims=True), 1) for axis in (0, 1)]
    return np.asarray(shown - means[0] - means[1] + shown[core].mean(), dtype=np.float32)


def _centred(patch: DefectPatch, size: tuple[int, int], room: int) -> tuple[Floats32, Floats32, Bools, Bools]:
    """Return levels, finest structure, mask and core of a defect in the middle of planes of (height, width) `size`,
    with so many pixels of `room` around; nothing beside it.
    """
    top, left, bottom, right = patch.box
    down, across = room + (size[0] - (bottom - top)) // 2, room + (size[1] - (right - left)) // 2
    whole = size[0] + 2 * room, size[1] + 2 * room
    levels, fine = np.zeros(whole, np.float32), np.zeros(whole, np.float32)
    mask, core = np.zeros(whole, bool), np.zeros(whole, bool)
    for plane, own in ((levels, patch.levels), (fine, patch.fine), (mask, patch.mask), (core, patch.core)):
        plane[down : down + bottom - top, across : across + right - left] = own[top:bottom, left:right]
    return levels, fine, mask, core


def _correlation(one: Floats32, other: Floats32) -> float:
    one, other = one - one.mean(), other - other.mean()
    scale = float(np.sqrt(float(one @ one) * float(other @ other)))
    return float(one @ other) / scale if scale > 1e-9 else 0.0
