"""One real defect put on another ground: at a place, in a size and a strength that are given.

The defect's light is taken off and that of the new ground put on, as composing does it (`Light`, `scaling`); a soft
border from the distance transform joins both. What is done can be undone by eye: outside the border's support every
pixel is the ground's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image
from scipy import ndimage

from flawforge.core.arrays import Bools, Floats32
from flawforge.core.settings.recipe import Composition
from flawforge.data.augmentation.composition import LUMA, Light, scaling

HOW = Composition()  # of the light: its width and its power
SOFT = (0.75, 1.5)  # half width of the border in pixels, at least and at most
SOFT_SHARE = 1 / 3  # of the half width of the defect that the border takes
FEWEST_PIXELS = 4  # of a part that counts as a defect
ANGLES = np.linspace(0, np.pi, 36, endpoint=False)
EIGHT = np.ones((3, 3), bool)  # pixels that touch at a corner hang together


@dataclass(frozen=True)
class Defect:
    """A connected part of what an image's mask marks, in its image.

    Attributes:
        pixels: (H, W) or (H, W, 3), 0 to 1, the whole image.
        mask: (H, W) bool, this part alone.
        marked: (H, W) bool, all that is marked in the image.
    """

    pixels: Floats32
    mask: Bools
    marked: Bools

    @cached_property
    def extent(self) -> float:
        """Its longest extent in pixels."""
        return longest_extent(self.mask)

    @cached_property
    def contrast(self) -> float:
        """How much it differs from its ground, in gray levels of 255: the mean absolute difference inside its mask to
        the light around it (a low-pass that leaves all marks out). So it is the same for a placed defect as for a
        real one, whose own ground nobody has seen.
        """
        plane = self.pixels if self.pixels.ndim == 2 else self.pixels @ LUMA
        return float(np.abs(plane - self.light)[self.mask].mean()) * 255

    @cached_property
    def corners(self) -> tuple[int, int, int, int]:
        """Top, left, bottom and right of its box, the last two outside."""
        rows, columns = np.flatnonzero(self.mask.any(1)), np.flatnonzero(self.mask.any(0))
        return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1

    @property
    def at_rim(self) -> tuple[bool, bool, bool, bool]:
        """Whether it touches the image's top, left, bottom and right edge."""
        top, left, bottom, right = self.corners
        height, width = self.mask.shape
        return top == 0, left == 0, bottom == height, right == width

    @cached_property
    def light(self) -> Floats32:
        """(H, W) light of its image without what is marked."""
        return Light.of(self.pixels, self.marked).smoothed(HOW.light_width, self.mask.shape)


@dataclass(frozen=True)
class PlacedDefect:
    """A ground with a defect on it.

    Attributes:
        pixels: (H, W) or (H, W, 3), 0 to 1; outside `support` the ground's own, bit by bit.
        mask: (H, W) bool, where the soft mask is 0.5 or more.
        support: (H, W) bool, where it is above 0.
    """

    pixels: Floats32
    mask: Bools
    support: Bools

    @property
    def defect(self) -> Defect:
        """The defect as it came out."""
        return Defect(self.pixels, self.mask, self.mask)


def cut_defects(pixels: Floats32, marked: Bools) -> list[Defect]:
    """Return the connected parts of what is marked, the largest first; specks under 4 pixels are left out.

    Args:
        pixels: (H, W) or (H, W, 3), 0 to 1.
        marked: (H, W) bool.
    """
    parts, count = ndimage.label(marked, EIGHT)
    areas = np.bincount(parts.ravel(), minlength=count + 1)[1:]
    order = [part for part in np.argsort(-areas, kind="stable") if areas[part] >= FEWEST_PIXELS]
    return [Defect(pixels, parts == part + 1, marked) for part in order]


def longest_extent(mask: Bools) -> float:
    """Return the longest extent of what a mask (H, W) marks, in pixels (maximum caliper); a row of n pixels has n.

    The widest of the projections on 36 directions: at most 0.1% too short.
    """
    rows, columns = np.nonzero(mask & ~ndimage.binary_erosion(mask))
    if not len(rows):
        return 0.0
    along = rows[:, None] * np.sin(ANGLES) + columns[:, None] * np.cos(ANGLES)
    return float(np.ptp(along, axis=0).max()) + 1.0


def largest_factor(box: Sequence[int], ground: Sequence[int]) -> float:
    """Return by how much a defect with a box (height, width) can be scaled so that it and its border fit a ground."""
    room = 2 * int(np.ceil(SOFT[1]))
    return min((ground[0] - room) / box[0], (ground[1] - room) / box[1])


def place_defect(
    defect: Defect, ground: Floats32, factor: float, strength: float, rng: np.random.Generator
) -> PlacedDefect:
    """Put a defect on a ground, at a random place.

    One that touches an edge of its image is put at the same edge, others stay inside. Of the difference that it makes
    to the ground `strength` is shown: 1 as it is, more exaggerates.

    Args:
        defect: the defect, turned as it is to be shown.
        ground: (H, W) or (H, W, 3), 0 to 1, with as many channels.
        factor: of its length, above 0; it must fit (`largest_factor`).
        strength: of its contrast, from 0.
        rng: where the place comes from.
    """
    detail, own, alpha = _scaled(defect, factor)
    rows, columns = np.flatnonzero((alpha > 0).any(1)), np.flatnonzero((alpha > 0).any(0))
    inner = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    detail, own, alpha = detail[inner], own[inner], alpha[inner]
    size, at_rim = ground.shape[:2], defect.at_rim
    top, left = (start_within(alpha.shape[axis], size[axis], at_rim[axis], at_rim[axis + 2], rng) for axis in (0, 1))
    window = slice(top, top + alpha.shape[0]), slice(left, left + alpha.shape[1])
    new = Light.of(ground).smoothed(HOW.light_width, size)[window]
    grown = scaling(own, new, HOW.light_power)
    planes = (alpha, new, grown)
    share, lit, grown = (plane[..., None] for plane in planes) if ground.ndim == 3 else planes
    under = ground[window]
    shown = np.clip(under + share * np.float32(strength) * (lit + detail * grown - under), 0, 1)
    pixels, soft = ground.copy(), np.zeros(size, np.float32)
    pixels[window] = np.where(share > 0, shown, under)
    soft[window] = alpha
    return PlacedDefect(pixels, soft >= 0.5, soft > 0)


def start_within(length: int, side: int, first: bool, last: bool, rng: np.random.Generator) -> int:
    """Draw where a stretch begins on a side that holds it: anywhere, or at the end that it has to touch."""
    start = int(rng.integers(0, side - length + 1))
    return 0 if first else side - length if last else start


def _scaled(defect: Defect, factor: float) -> tuple[Floats32, Floats32, Floats32]:
    """Return detail, own light and soft mask of a defect and its surroundings, at its new size.

    At an edge that it touches there are no surroundings.
    """
    top, left, bottom, right = defect.corners
    height, width = defect.mask.shape
    room = int(np.ceil((SOFT[1] + 1) / min(factor, 1.0))) + 1
    window = slice(max(0, top - room), min(height, bottom + room)), slice(max(0, left - room), min(width, right + room))
    pixels, light, mask = defect.pixels[window], defect.light[window], defect.mask[window]
    size = tuple(max(1, round(side * factor)) for side in mask.shape)
    colour = light[..., None] if pixels.ndim == 3 else light
    planes = pixels - colour
    detail = (
        _resized(planes, size)
        if planes.ndim == 2
        else np.stack([_resized(planes[..., channel], size) for channel in range(planes.shape[2])], axis=-1)
    )
    cover = _resized(mask.astype(np.float32), size, Image.Resampling.BILINEAR)
    shape = cover >= min(0.5, 0.5 * float(cover.max()))
    return detail, _resized(light, size), _soft(shape)


def _soft(shape: Bools) -> Floats32:
    """Return the soft mask (H, W), 0 to 1, of a shape: 0.5 on its outline, a border that thin shapes have narrow."""
    padded = np.pad(shape, 1, mode="edge")  # else the edge of the image would be one of the defect's
    inside = ndimage.distance_transform_edt(padded)
    outside = ndimage.distance_transform_edt(~padded) if not padded.all() else np.zeros_like(inside)
    half = float(np.clip(SOFT_SHARE * inside.max(), *SOFT))
    signed = np.where(padded, inside - 0.5, 0.5 - outside)
    soft: Floats32 = np.clip(0.5 + signed / (2 * half), 0, 1).astype(np.float32)[1:-1, 1:-1]
    return soft


def _resized(plane: Floats32, size: Sequence[int], resample: Image.Resampling = Image.Resampling.BICUBIC) -> Floats32:
    if plane.shape == tuple(size):
        return plane
    image = Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32))
    return np.asarray(image.resize((size[1], size[0]), resample), dtype=np.float32)
