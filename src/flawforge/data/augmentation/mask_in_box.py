"""Which pixels of a box are the defect: those that differ from the ground around it.

The majority of three estimates, each of which fails on other material (docs/decisions/estimated-masks.md): Otsu's
threshold (1979, "A Threshold Selection Method from Gray-Level Histograms") on the difference to the light of the image,
over the box and what is around it; the same on the difference to a plane through what is around it, over the box alone;
and the gray levels of inside and outside, learnt in turns from the mask that they give (as GrabCut does, Rother et al.
2004, without its cut).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage

from flawforge.core.arrays import Bools, Floats, Floats32, Ints
from flawforge.data.augmentation.composition import LUMA, Light
from flawforge.data.augmentation.pasting import EIGHT, HOW

AROUND = 0.5  # of the box's longer side, that is looked at around it
LEAST_AROUND = 8  # pixels of it, at least
FEWEST = 20  # pixels around a box that tell its ground; with fewer the image's median does
BLUR = 1.0  # sigma in pixels, before anything is compared
LEVELS = 32  # of gray, by which inside is told from outside
TURNS = 5  # in which they are learnt
SPECK = 0.05  # of the largest part's area, below which a part is left out
FLAT = 1e-4  # of white: what differs by less is as its ground
GAP = 0.1  # of the box's shorter side: gaps so wide are closed

Corners = tuple[int, int, int, int]
"""Top, left, bottom and right, the last two outside."""


@dataclass(frozen=True)
class BoxedImage:
    """An image whose defects are known by boxes alone.

    Attributes:
        pixels: (H, W) or (H, W, 3), 0 to 1.
        boxes: of all its defects, each inside the image.
    """

    pixels: Floats32
    boxes: Sequence[Corners]

    @cached_property
    def plane(self) -> Floats32:
        """(H, W) luminance."""
        plane: Floats32 = self.pixels if self.pixels.ndim == 2 else self.pixels @ LUMA
        return plane

    @cached_property
    def inside(self) -> Bools:
        """(H, W) bool: inside any box."""
        inside = np.zeros(self.plane.shape, bool)
        for top, left, bottom, right in self.boxes:
            inside[top:bottom, left:right] = True
        return inside

    @cached_property
    def light(self) -> Floats32:
        """(H, W) its light, as if each pixel of a box were as the nearest one outside: boxes may be wider than the
        light is smooth.
        """
        plane = self.plane
        if not self.inside.all():
            nearest = ndimage.distance_transform_edt(self.inside, return_distances=False, return_indices=True)
            plane = plane[nearest[0], nearest[1]]
        return Light.of(plane).smoothed(HOW.light_width, plane.shape)

    def mask(self, box: Corners) -> Bools:
        """Return (H, W) bool: the defect in one of its boxes; nothing where all of the box is as its ground."""
        part, window = self.window(box)
        mask = np.zeros(self.plane.shape, bool)
        mask[part] = window.mask
        return mask

    def window(self, box: Corners) -> tuple[tuple[slice, slice], BoxWindow]:
        """Return what is looked at for one of its boxes, and where that is in the image."""
        top, left, bottom, right = box
        room = max(LEAST_AROUND, round(AROUND * max(bottom - top, right - left)))
        part = slice(max(0, top - room), bottom + room), slice(max(0, left - room), right + room)
        own = np.zeros(self.plane.shape, bool)
        own[top:bottom, left:right] = True
        return part, BoxWindow(self.plane[part], self.light[part], own[part], ~self.inside[part])


@dataclass(frozen=True)
class BoxWindow:
    """What is looked at for one box.

    Attributes:
        plane: (h, w) luminance. light: (h, w), the image's.
        own: (h, w) bool, the box. around: (h, w) bool, outside all boxes.
    """

    plane: Floats32
    light: Floats32
    own: Bools
    around: Bools

    @property
    def mask(self) -> Bools:
        """(h, w) bool: what most estimates hold for the defect, gaps closed."""
        votes = self.by_light.astype(int) + self.by_plane + self.by_levels
        marked = _without_specks(np.asarray(votes >= 2))
        rows, columns = self.own.any(1), self.own.any(0)
        closed = _closed(marked, round(GAP * min(int(rows.sum()), int(columns.sum()))))
        return np.asarray(ndimage.binary_fill_holes(closed)) & self.own

    @cached_property
    def by_light(self) -> Bools:
        """(h, w) bool: farther from the light than Otsu's threshold over the whole window."""
        return self._beyond(self._off_light, self.own | self.around)

    @cached_property
    def by_plane(self) -> Bools:
        """(h, w) bool: farther from the plane than Otsu's threshold over the box."""
        return self._beyond(self.plane - self._ground, self.own)

    @cached_property
    def by_levels(self) -> Bools:
        """(h, w) bool: gray levels that are more frequent inside than outside, from the whole box on."""
        off, seen, marked = _blurred(self._off_light), self.own | self.around, self.own
        low, high = np.percentile(off[seen], [0.5, 99.5])
        if high - low < FLAT:
            return np.zeros_like(self.own)
        codes = np.clip((off - low) / (high - low) * (LEVELS - 1), 0, LEVELS - 1).astype(int)
        for _ in range(TURNS):
            ratio = _frequency(codes[marked])[codes] - _frequency(codes[seen & ~marked])[codes]
            found = np.asarray(_blurred(ratio) > 0) & self.own
            if not found.any() or np.array_equal(found, marked):
                break
            marked = found
        return np.asarray(ndimage.binary_fill_holes(marked))

    @cached_property
    def _off_light(self) -> Floats32:
        return self.plane - self.light

    @cached_property
    def _ground(self) -> Floats:
        """(h, w) a plane through what is around, on which outliers have little weight."""
        rows, columns = np.nonzero(self.around)
        if len(rows) < FEWEST:
            return np.full(self.plane.shape, float(np.median(self.plane)))
        points, levels = np.column_stack([rows, columns, np.ones(len(rows))]), self.plane[self.around].astype(float)
        weights = np.ones(len(rows))
        for _ in range(3):
            slopes = np.linalg.lstsq(points * weights[:, None], levels * weights, rcond=None)[0]
            apart = levels - points @ slopes
            weights = 1 / np.sqrt(1 + (apart / (3 * np.median(np.abs(apart)) + 1e-6)) ** 2)
        down, across = np.indices(self.plane.shape)
        plane: Floats = slopes[0] * down + slopes[1] * across + slopes[2]
        return plane

    def _beyond(self, difference: Floats | Floats32, over: Bools) -> Bools:
        size = np.abs(_blurred(difference))
        if np.ptp(size[over]) < FLAT:
            return np.zeros_like(self.own)
        return np.asarray(ndimage.binary_fill_holes((size > otsu(size[over])) & self.own))


def otsu(values: Floats | Floats32) -> float:
    """Return Otsu's threshold of values (N,): it parts them so that the two means are farthest apart."""
    counts, edges = np.histogram(values, 256)
    middles, below = (edges[:-1] + edges[1:]) / 2, np.cumsum(counts)[:-1]
    sums, above = np.cumsum(counts * middles), len(values) - below
    between = below * above * (sums[:-1] / np.maximum(below, 1) - (sums[-1] - sums[:-1]) / np.maximum(above, 1)) ** 2
    return float(middles[int(between.argmax())])


def _blurred(plane: Floats | Floats32) -> Floats:
    blurred: Floats = ndimage.gaussian_filter(plane.astype(np.float64), BLUR)
    return blurred


def _frequency(codes: Ints) -> Floats:
    counts = ndimage.gaussian_filter1d(np.bincount(codes, minlength=LEVELS) + 0.5, 1)
    frequency: Floats = np.log(counts / counts.sum())
    return frequency


def _without_specks(marked: Bools) -> Bools:
    parts, count = ndimage.label(marked, EIGHT)
    if not count:
        return marked
    areas = np.bincount(parts.ravel())
    areas[0] = 0
    return np.asarray((areas >= max(2.0, SPECK * float(areas.max())))[parts], bool)


def _closed(marked: Bools, reach: int) -> Bools:
    """Return a mask with gaps up to twice `reach` pixels closed."""
    if reach < 1 or not marked.any():
        return marked
    padded = np.pad(marked, reach + 1)
    grown = ndimage.distance_transform_edt(~padded) <= reach
    shrunk = ndimage.distance_transform_edt(grown) > reach
    return np.asarray(marked | shrunk[reach + 1 : -reach - 1, reach + 1 : -reach - 1], bool)
