"""Where a defect of a class may lie on a ground: where it really lies, on the part, and at a rim only as real ones do.

The rim is the image's edge or that of the part, where the image shows more than the part (`find_part`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image
from scipy import ndimage

from flawforge.core.arrays import Bools, Floats, Floats32
from flawforge.core.settings.recipe import Composition
from flawforge.data.augmentation.composition import LUMA, Light

REACH = 3  # pixels: what is so near to a rim touches it
NEAR = 0.5  # of the pixels at the side that touches most, from which another side of the part counts as touched
SPREAD = 0.12  # standard deviation of a drawn position about a real one, in sides of the image
TRIES = 24  # positions drawn about real ones, before any on the part will do
STRIDE = 8  # of the grid of positions that are tried then, at least: a side has 12 of them at most
OVER = 0.2  # of a defect at a rim that may lie beyond it: where a part is broken off, the image shows no part
LEAVES = 0.01  # of a defect that lies beyond the rim more than it must, from which it leaves the part
DARK = 0.35  # of the median level, below which pixels at the image's edge are no part
COVERED = 0.6  # of an image's side that lies beside the part, before a part is told from what is beside it
EVEN = 0.1  # of the part's level, that the standard deviation of what is beside it may be where it fills most
WHOLE = 0.9  # of a part that is less than half of its image, that hangs together
LOOKED = 256  # pixels of the longer side at which the part is looked for

Rims = tuple[bool, bool, bool, bool]
"""Whether something touches the rim at its top, left, bottom and right."""
NOWHERE: Rims = (False, False, False, False)


@dataclass(frozen=True)
class Ground:
    """A real image that defects are put on.

    Attributes:
        pixels: (H, W) or (H, W, 3), 0 to 1.
        marked: (H, W) bool, defects of its own, which are left as they are; None: it has none.
        region: (H, W) bool, where defects may lie; None: anywhere on the part.
    """

    pixels: Floats32
    marked: Bools | None = None
    region: Bools | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @cached_property
    def light(self) -> Floats32:
        """(H, W) its light, without its own defects."""
        return Light.of(self.pixels, self.marked).smoothed(Composition().light_width, self.size)

    @cached_property
    def beside(self) -> Bools:
        """(H + 2 REACH, W + 2 REACH) bool: what is no part, or beyond the image."""
        part = find_part(self.pixels)
        return np.pad(np.zeros(self.size, bool) if part is None else ~part, REACH, constant_values=True)

    @cached_property
    def beyond(self) -> tuple[Bools, Bools]:
        """As `beside`, what lies beyond the part's top or bottom, and beyond its left or right: that along which the
        part is nearer. So a margin at the left is no bottom, neither where it widens downwards nor at its end.
        """
        down, across = (_steps_to(~self.beside, axis) for axis in (0, 1))
        neither = np.isinf(down) & np.isinf(across)
        return self.beside & ((down < across) | neither), self.beside & ((across <= down) | neither)

    @cached_property
    def near_rim(self) -> Bools:
        """(H, W) bool: at most `REACH` pixels from what is no part."""
        return np.asarray(ndimage.binary_dilation(self.beside, iterations=REACH))[REACH:-REACH, REACH:-REACH]

    @cached_property
    def taken(self) -> Bools:
        """(H, W) bool: where no defect may be put, as there is one or it is outside the region."""
        taken = np.zeros(self.size, bool)
        if self.marked is not None:
            taken |= ndimage.binary_dilation(self.marked, iterations=REACH)
        return taken if self.region is None else taken | ~self.region


@dataclass(frozen=True)
class Occurrence:
    """Where a real defect lies: (down, right) of its box's middle in shares of its image, and the rims it touches."""

    middle: tuple[float, float]
    rims: Rims

    @classmethod
    def of(cls, mask: Bools, ground: Ground) -> Occurrence:
        """Describe what a mask (H, W) marks on its image."""
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        middle = (rows[0] + rows[-1] + 1) / 2 / mask.shape[0], (columns[0] + columns[-1] + 1) / 2 / mask.shape[1]
        return cls((float(middle[0]), float(middle[1])), touched(mask, ground.beside))

    def turned(self, symmetry: int) -> Occurrence:
        """Return where it lies in its image turned, a number from 0 to 7
        (`flawforge.data.grouping.registration.turned`).
        """
        (down, right), (top, left, bottom, far) = self.middle, self.rims
        if symmetry & 1:
            right, left, far = 1 - right, far, left
        if symmetry & 2:
            down, top, bottom = 1 - down, bottom, top
        if symmetry & 4:
            down, right, top, left, bottom, far = right, down, left, top, far, bottom
        return Occurrence((down, right), (top, left, bottom, far))


def _steps_to(part: Bools, axis: int) -> Floats:
    """Return (H, W) the steps along an axis to the nearest pixel of a part; infinite where there is none."""
    at = np.arange(part.shape[axis], dtype=np.float64).reshape(-1, *[1] * (1 - axis))
    before = np.maximum.accumulate(np.where(part, at, -np.inf), axis)
    after = np.flip(np.minimum.accumulate(np.flip(np.where(part, at, np.inf), axis), axis), axis)
    found: Floats = np.minimum(at - before, after - at)
    return found


def touched(mask: Bools, beside: Bools) -> Rims:
    """Return which rims a mask (H, W) touches: `beside` as of `Ground`.

    Where it reaches the image's edge, that counts alone; else of each axis the side that touches the part's rim more.
    """
    height, width = mask.shape
    edges = mask[:REACH], mask[:, :REACH], mask[-REACH:], mask[:, -REACH:]
    rims = [bool(edge.any()) for edge in edges]
    if any(rims):
        return rims[0], rims[1], rims[2], rims[3]
    on_part = mask & ~beside[REACH:-REACH, REACH:-REACH]
    counts = []
    for down, right in ((-1, 0), (0, -1), (1, 0), (0, 1)):
        near = np.zeros_like(mask)
        for step in range(1, REACH + 1):
            top, left = REACH + down * step, REACH + right * step
            near |= beside[top : top + height, left : left + width]
        counts.append(int((on_part & near).sum()))
    for first, last in ((0, 2), (1, 3)):
        more = first if counts[first] >= counts[last] else last
        rims[more] = counts[more] >= max(1.0, NEAR * max(counts))
    return rims[0], rims[1], rims[2], rims[3]


def find_part(pixels: Floats32) -> Bools | None:
    """Return (H, W) bool, where an image shows the part; None: all of it.

    What is beside a part is dark, hangs together with the image's edge, and lies along most of one side of it. Where
    it fills most of the image, or is bright as a light table, it lies along two sides and is even, and the part is in
    one piece: else a dark surface with bright print on it would be taken for it.
    """
    plane = pixels if pixels.ndim == 2 else pixels @ LUMA
    step = max(1, -(-max(plane.shape) // LOOKED))
    smooth = ndimage.gaussian_filter(plane, step / 2)[::step, ::step]
    beside = _at_edge(smooth < DARK * np.median(smooth), 1)
    for seen in (smooth, 1 - smooth):
        beside = _around(seen) if beside is None else beside
    if beside is None:
        return None
    large = Image.fromarray(beside).resize((plane.shape[1], plane.shape[0]), Image.Resampling.NEAREST)
    return ~np.asarray(large, dtype=bool)


def _around(smooth: Floats32) -> Bools | None:
    """Return what is dark, even, and lies around a part of any size, which the median may say nothing of."""
    level = float(np.median(smooth[smooth >= np.percentile(smooth, 99) / 2]))
    beside = _at_edge(smooth < DARK * level, 2)
    if beside is None or smooth[beside].std() > EVEN * level:
        return None
    pieces, _ = ndimage.label(~beside)
    return beside if np.bincount(pieces[~beside]).max() >= WHOLE * (~beside).sum() else None


def _at_edge(level: Bools, sides: int) -> Bools | None:
    """Return what of a level lies along most of so many of the image's sides or more; None: nothing does."""
    labels, count = ndimage.label(level)
    edges = (labels[0], labels[-1], labels[:, 0], labels[:, -1])
    kept = [at for at in range(1, count + 1) if sum((edge == at).mean() >= COVERED for edge in edges) >= sides]
    return np.isin(labels, kept) if kept else None


def find_corner(
    support: Bools, wanted: Occurrence, others: Sequence[Occurrence], ground: Ground, rng: np.random.Generator
) -> tuple[int, int] | None:
    """Draw where a defect is put: row and column of its top left corner; None: it has no place on this ground.

    Args:
        support: (h, w) bool, all pixels that change.
        wanted: the rims that it has to touch, all of them, or none at all.
        others: where defects of the class lie, of which a drawn one decides about where; none: anywhere.
        ground: the ground.
        rng: where the draws come from.
    """
    size = ground.size
    if support.shape[0] > size[0] or support.shape[1] > size[1]:
        return None
    room = np.array([whole - own for whole, own in zip(size, support.shape, strict=True)])
    alike = [one for one in others if one.rims == wanted.rims] or list(others)
    starts = []
    for _ in range(TRIES if alike else 0):
        middle = np.array(alike[int(rng.integers(len(alike)))].middle) + rng.normal(0, SPREAD, 2)
        starts.append(np.clip(np.rint(middle * size - np.array(support.shape) / 2), 0, room))
    grid = np.stack(
        np.meshgrid(*(np.arange(0, most + 1, max(STRIDE, -(-most // 12))) for most in room), indexing="ij"), axis=-1
    )
    starts += list(rng.permutation(grid.reshape(-1, 2)))
    for start in starts:
        corner = _at_rims(support, (int(start[0]), int(start[1])), wanted.rims, ground)
        if corner is not None:
            return corner
    return None


def _at_rims(support: Bools, corner: tuple[int, int], rims: Rims, ground: Ground) -> tuple[int, int] | None:
    """Return the corner, moved to the rims that must be touched; None where that or the ground does not allow it."""
    place = list(corner)
    sides = [(axis, rims[axis], rims[axis + 2]) for axis in (0, 1)]
    for axis, first, last in sorted(sides, key=lambda side: not (side[1] and side[2])):  # from rim to rim comes first
        if first and last:
            place[axis] = (ground.size[axis] - support.shape[axis]) // 2
        elif first or last:
            place[axis] = _slid(support, place, axis, ground, last=last)
    window = slice(place[0], place[0] + support.shape[0]), slice(place[1], place[1] + support.shape[1])
    if (ground.taken[window] & support).any():
        return None
    top, left = place[0] + REACH, place[1] + REACH
    under = ground.beside[top : top + support.shape[0], left : left + support.shape[1]]
    beyond = float((under & support).sum() / support.sum())
    if rims == NOWHERE:
        return None if (ground.near_rim[window] & support).any() else (place[0], place[1])
    return (place[0], place[1]) if beyond <= OVER else None


def _slid(support: Bools, place: Sequence[int], axis: int, ground: Ground, *, last: bool) -> int:
    """Return how far a defect goes along an axis, to its end or its beginning, until it would leave the part."""
    across = slice(place[1 - axis] + REACH, place[1 - axis] + REACH + support.shape[1 - axis])
    beyond = ground.beyond[axis]
    strip = (beyond[:, across] if axis == 0 else beyond[across].T)[REACH:-REACH].astype(np.float32)
    shape = (support if axis == 0 else support.T).astype(np.float32)
    together = strip @ shape.T  # of each row of the ground and each of the defect, what lies beyond
    over = np.array([np.trace(together[at:]) for at in range(len(strip) - len(shape) + 1)]) / support.sum()
    allowed = np.flatnonzero(over <= over.min() + LEAVES)
    return int(allowed[-1] if last else allowed[0])
