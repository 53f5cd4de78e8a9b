"""One defect put on another ground: at a place, in a size and a strength that are given.

The defect's light is taken off and that of the new ground put on, as composing does it (`Light`, `scaling`); a soft
border from the distance transform joins both. What is done can be undone by eye: outside the border's support every
pixel is the ground's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from PIL import Image
from scipy import ndimage

from flawforge.core.arrays import Bools, Floats32
from flawforge.core.settings.recipe import Composition
from flawforge.data.augmentation.bending import bent
from flawforge.data.augmentation.composition import LUMA, Light, scaling
from flawforge.data.augmentation.planes import resized, to_like
from flawforge.data.augmentation.poisson import harmonic_offset

Blending = Literal["relit", "feathered", "seamless"]
HOW = Composition()  # of the light: its width and its power
SOFT = (0.75, 1.5)  # half width of the border in pixels, at least and at most
SOFT_SHARE = 1 / 3  # of the half width of the defect that the border takes
FEWEST_PIXELS = 4  # of a part that counts as a defect
ANGLES = np.linspace(0, np.pi, 36, endpoint=False)
HALF = np.float32(0.5)  # of the soft mask from which a pixel is marked
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


@dataclass(frozen=True)
class Cutout:
    """What is put on a ground, as planes of one window.

    Attributes:
        detail: (h, w) or (h, w, 3), its difference to its own light.
        light: (h, w), its own light.
        alpha: (h, w), its soft mask, 0 to 1.
    """

    detail: Floats32
    light: Floats32
    alpha: Floats32

    @property
    def mask(self) -> Bools:
        """(h, w) where the soft mask is 0.5 or more."""
        return np.asarray(self.alpha >= HALF)

    @property
    def support(self) -> Bools:
        """(h, w) where the soft mask is above 0."""
        return np.asarray(self.alpha > 0)

    def trimmed(self) -> Cutout:
        """Return it without the rows and columns around in which the soft mask is 0."""
        rows, columns = np.flatnonzero(self.support.any(1)), np.flatnonzero(self.support.any(0))
        inner = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        return Cutout(self.detail[inner], self.light[inner], self.alpha[inner])


def cut_defects(pixels: Floats32, marked: Bools, gap: int = 0) -> list[Defect]:
    """Return the connected parts of what is marked, the largest first; specks under 4 pixels are left out.

    Args:
        pixels: (H, W) or (H, W, 3), 0 to 1.
        marked: (H, W) bool.
        gap: parts that lie nearer to each other than so many pixels count as one.
    """
    near = ndimage.binary_dilation(marked, EIGHT, iterations=gap // 2) if gap > 1 else marked
    parts, count = ndimage.label(near, EIGHT)
    parts = parts * marked
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
    cutout, size, at_rim = cutout_of(defect, (factor, factor)), ground.shape[:2], defect.at_rim
    height, width = cutout.alpha.shape
    top, left = (
        start_within(length, size[axis], at_rim[axis], at_rim[axis + 2], rng)
        for axis, length in enumerate((height, width))
    )
    return lay_on(ground, cutout, (top, left), strength)


def lay_on(
    ground: Floats32,
    cutout: Cutout,
    corner: tuple[int, int],
    strength: float,
    blending: Blending = "relit",
    light: Floats32 | None = None,
) -> PlacedDefect:
    """Put a cutout on a ground: the ground plus the soft mask times strength times the difference to it.

    Args:
        ground: (H, W) or (H, W, 3), 0 to 1, with as many channels.
        cutout: what is put on it.
        corner: row and column of its top left corner; all of it lies on the ground.
        strength: of its contrast, from 0: 1 as it is, more exaggerates.
        blending: as the field of this name in `flawforge.core.settings.recipe.Recipe`.
        light: (H, W), the ground's; None: it is worked out, for `relit`.
    """
    size, alpha = ground.shape[:2], cutout.alpha
    window = slice(corner[0], corner[0] + alpha.shape[0]), slice(corner[1], corner[1] + alpha.shape[1])
    under = ground[window]
    if blending == "relit":
        new = (Light.of(ground).smoothed(HOW.light_width, size) if light is None else light)[window]
        shown = to_like(new, ground) + cutout.detail * to_like(scaling(cutout.light, new, HOW.light_power), ground)
    else:
        shown = cutout.detail + to_like(cutout.light, ground)
    if blending == "seamless":
        shown = _without_seam(shown, under, cutout.support, corner, size)
    share = to_like(alpha, ground)
    changed = np.clip(under + share * np.float32(strength) * (shown - under), 0, 1)
    pixels, soft = ground.copy(), np.zeros(size, np.float32)
    pixels[window] = np.where(share > 0, changed, under)
    soft[window] = alpha
    return PlacedDefect(pixels, soft >= HALF, soft > 0)


def _without_seam(
    shown: Floats32, under: Floats32, support: Bools, corner: tuple[int, int], size: Sequence[int]
) -> Floats32:
    """Return a pasted part that meets its ground along the outermost pixels of its support, but for the image's rim."""
    ends = [(start == 0, start + side == whole) for start, side, whole in zip(corner, support.shape, size, strict=True)]
    padded = np.pad(support, 1)
    for axis, (first, last) in enumerate(ends):
        lines = np.moveaxis(padded, axis, 0)
        lines[0], lines[-1] = (lines[1] if first else False), (lines[-2] if last else False)
    inside = ndimage.binary_erosion(padded)[1:-1, 1:-1]
    if not inside.any():
        return shown
    planes = (under - shown)[None] if under.ndim == 2 else np.moveaxis(under - shown, -1, 0)
    offset = harmonic_offset(inside, support, planes.astype(np.float64)).astype(np.float32)
    met = under.copy()
    met[inside] = shown[inside] + (offset[:, 0] if under.ndim == 2 else offset)
    return met


def start_within(length: int, side: int, first: bool, last: bool, rng: np.random.Generator) -> int:
    """Draw where a stretch begins on a side that holds it: anywhere, or at the end that it has to touch."""
    start = int(rng.integers(0, side - length + 1))
    return 0 if first else side - length if last else start


def cutout_of(
    defect: Defect, factors: tuple[float, float], bend: float = 0.0, rng: np.random.Generator | None = None
) -> Cutout:
    """Return a defect and its soft border at a new size. At an edge that it touches there are no surroundings.

    Args:
        defect: the defect, turned as it is to be shown.
        factors: of its height and width, above 0.
        bend: standard deviation of an elastic displacement of defect and mask, of its length; 0: none.
        rng: where the displacement comes from.
    """
    top, left, bottom, right = defect.corners
    height, width = defect.mask.shape
    room = int(np.ceil((SOFT[1] + 1) / min(*factors, 1.0) + 3 * bend * max(bottom - top, right - left))) + 1
    window = slice(max(0, top - room), min(height, bottom + room)), slice(max(0, left - room), min(width, right + room))
    pixels, light, mask = defect.pixels[window], defect.light[window], defect.mask[window]
    size = tuple(max(1, round(side * factor)) for side, factor in zip(mask.shape, factors, strict=True))
    detail, light = resized(pixels - to_like(light, pixels), size), resized(light, size)
    cover = resized(mask.astype(np.float32), size, Image.Resampling.BILINEAR)
    if bend and rng is not None:
        longest = max((bottom - top) * factors[0], (right - left) * factors[1])
        detail, light, cover = bent((detail, light, cover), bend * longest, longest / 3, rng)
    shape = cover >= min(HALF, HALF * float(cover.max()))
    return Cutout(detail, light, soft_mask(shape)).trimmed()


def reshaped(defect: Defect, shape: Bools, bend: float, rng: np.random.Generator) -> Cutout:
    """Return a defect in another shape (h, w), cropped to what it marks, bent; as `cutout_of` and `fill_mask`.

    At an edge of the image that the defect touches the shape ends as straight as it does.
    """
    room = int(np.ceil(SOFT[1] + 3 * bend * max(shape.shape))) + 2
    top, left, bottom, right = (0 if at else room for at in defect.at_rim)
    filled, corner = fill_mask(defect, np.pad(shape, room))
    height, width = (side + 2 * room for side in shape.shape)
    inner = slice(room - top, height - room + bottom), slice(room - left, width - room + right)
    sides = zip(corner, (height, width), filled.alpha.shape, strict=True)
    around = [(at, whole - at - own) for at, whole, own in sides]
    detail = np.pad(filled.detail, [*around, (0, 0)][: filled.detail.ndim], mode="edge")[inner]
    light, cover = np.pad(filled.light, around, mode="edge")[inner], np.pad(shape, room).astype(np.float32)[inner]
    if bend:
        longest = max(shape.shape)
        detail, light, cover = bent((detail, light, cover), bend * longest, longest / 3, rng)
    return Cutout(detail, light, soft_mask(cover >= HALF)).trimmed()


def fill_mask(defect: Defect, mask: Bools) -> tuple[Cutout, tuple[int, int]]:
    """Return the cutout that shows a defect in another one's outline, and the corner where it belongs.

    The defect's box is stretched to that of the mask; where it has no pixel of its own, the nearest one stands.

    Args:
        defect: whose details are shown.
        mask: (H, W) bool, at least one pixel.
    """
    alpha = soft_mask(mask)
    rows, columns = np.flatnonzero((alpha > 0).any(1)), np.flatnonzero((alpha > 0).any(0))
    top, left = int(rows[0]), int(columns[0])
    size = int(rows[-1]) + 1 - top, int(columns[-1]) + 1 - left
    box = slice(defect.corners[0], defect.corners[2]), slice(defect.corners[1], defect.corners[3])
    nearest = ndimage.distance_transform_edt(~defect.mask[box], return_distances=False, return_indices=True)
    light, pixels = defect.light[box], defect.pixels[box]
    detail = (pixels - to_like(light, pixels))[nearest[0], nearest[1]]
    window = alpha[top : top + size[0], left : left + size[1]]
    return Cutout(resized(detail, size), resized(light, size), window), (top, left)


def soft_mask(shape: Bools) -> Floats32:
    """Return the soft mask (H, W), 0 to 1, of a shape: 0.5 on its outline, a border that thin shapes have narrow."""
    padded = np.pad(shape, 1, mode="edge")  # else the edge of the image would be one of the defect's
    inside = ndimage.distance_transform_edt(padded)
    outside = ndimage.distance_transform_edt(~padded) if not padded.all() else np.zeros_like(inside)
    half = float(np.clip(SOFT_SHARE * inside.max(), *SOFT))
    signed = np.where(padded, inside - 0.5, 0.5 - outside)
    soft: Floats32 = np.clip(0.5 + signed / (2 * half), 0, 1).astype(np.float32)[1:-1, 1:-1]
    return soft
