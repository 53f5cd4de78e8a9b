"""Composing: new images of a class out of the details of its few real ones and the light of other images.

An image is taken apart into its light, a Gaussian low-pass of its luminance, and its details, which are all the rest.
The light of a donor takes the place of its own, and the details are scaled with it, about as a reflecting surface would
show them (`relit`). The details of two images of a class are joined by a smooth random mask (`blend_mask`). Nothing is
learnt. What comes out shows the class in a light, at a place and in a neighbourhood in which no real image showed it.
What is drawn does not depend on the number of pixels: of sources that were reduced, one stream makes the same image,
reduced.

All pixels are float32, 0 (black) to 1 (white).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image
from scipy import ndimage

from flawforge.core.arrays import Bools, Floats32
from flawforge.core.settings.recipe import Composition
from flawforge.data.augmentation.planes import resized, to_like
from flawforge.data.grouping.registration import turned

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R 601, as `flawforge.core.images.to_gray`
GRID = 64  # pixels of the shorter side of the grid on which light is smoothed: it has nothing finer
DARKEST = 8 / 255  # added to both lights before their ratio is taken: detail in black is noise
LEVEL = 0.3  # of the way that the mean of a donor's light goes back to that of the sources: levels go with the class
LOWEST, HIGHEST = 0.4, 2.5  # the ratio of two lights is held between these
WIDER = 2.5  # the widest low-pass over the narrowest: each image draws one between
MASK_WIDTH = 10 / 64  # standard deviation of the smoothing of a blend's mask, of the shorter side
MASK_SLOPE = 4.0  # of the logistic function that makes the mask of unit-variance noise: a narrow border
MASKS_TRIED = 8  # of which the one that cuts through the fewest boxes is taken
UNCUT = 0.05  # share of a box that may lie on the other side of a blend
WINDOWS_TRIED = 8  # parts of an image of which one that shows enough of its defect is taken
ENOUGH = 0.5  # share of the marked pixels, or of the boxes' area, of one source that an image shows at least
HOLED = 0.5  # share of a donor that may be marked as a defect before its own light counts there all the same


@dataclass(frozen=True)
class Place:
    """A labelled rectangle in pixels, right and bottom outside; `cut`: a blend has cut a part of it away."""

    label: str
    left: int
    top: int
    right: int
    bottom: int
    cut: bool = False


@dataclass(frozen=True)
class Detail:
    """A real image whose details are used.

    Attributes:
        pixels: (H, W) gray or (H, W, 3).
        mask: (H, W) bool, the pixels that its labels mark; None where they mark none.
        places: the boxes of its labels.
    """

    pixels: Floats32
    mask: Bools | None = None
    places: tuple[Place, ...] = ()

    def reduced(self, factor: float) -> Detail:
        """Return it at `factor` of its size, at most 1; of marks that are smaller than a pixel, a pixel is kept."""
        if factor >= 1:
            return self
        height, width = self.pixels.shape[:2]
        size = max(1, round(height * factor)), max(1, round(width * factor))
        mask = None
        if self.mask is not None:
            mask = resized(self.mask.astype(np.float32), size, Image.Resampling.BOX) > 0
        down, across = size[0] / height, size[1] / width
        places = tuple(
            replace(
                place,
                left=int(place.left * across),
                top=int(place.top * down),
                right=max(int(place.left * across) + 1, round(place.right * across)),
                bottom=max(int(place.top * down) + 1, round(place.bottom * down)),
            )
            for place in self.places
        )
        return Detail(resized(self.pixels, size, Image.Resampling.BOX), mask, places)


@dataclass(frozen=True)
class Composed:
    """A new image.

    Attributes:
        pixels: (H, W) or (H, W, 3), of the size of the first source.
        sources: numbers of the one or two images whose details it shows.
        symmetries: how each of them was turned, a number from 0 to 7 (`turned`).
        donor: number of the image whose light it shows; None: its sources' own.
        mask: (H, W) bool, what is marked in it; None where the labels of a source mark no pixels.
        places: the boxes in it; none where a source has none.
        clipped: share of the pixels that came out darker than black or lighter than white.
    """

    pixels: Floats32
    sources: tuple[int, ...]
    symmetries: tuple[int, ...]
    donor: int | None = None
    mask: Bools | None = None
    places: tuple[Place, ...] = ()
    clipped: float = 0.0


@dataclass(frozen=True)
class Light:
    """The light of an image, before it is smoothed: its luminance on a coarse grid, without what is marked as defect.

    Attributes:
        grid: (h, w) luminance; the shorter side is at most 64.
        ground: (h, w) share of each cell that is not marked, 0 to 1; None: all of it.
    """

    grid: Floats32
    ground: Floats32 | None = None

    @classmethod
    def of(cls, pixels: Floats32, mask: Bools | None = None) -> Light:
        """Take the light of an image (H, W) or (H, W, 3); `mask` marks pixels that do not count."""
        plane = pixels if pixels.ndim == 2 else pixels @ LUMA
        factor = min(1.0, GRID / min(plane.shape))
        size = max(1, round(plane.shape[0] * factor)), max(1, round(plane.shape[1] * factor))
        if mask is None or not mask.any() or mask.mean() > HOLED:
            return cls(resized(plane, size, Image.Resampling.BOX))
        ground = resized((~mask).astype(np.float32), size, Image.Resampling.BOX)
        return cls(resized(plane * ~mask, size, Image.Resampling.BOX), ground)

    def smoothed(self, width: float, size: tuple[int, int]) -> Floats32:
        """Return the low-pass of (height, width) `size`, stretched to it; `width` is sigma in shorter sides."""
        sigma = [width * side * min(size) / full for side, full in zip(self.grid.shape, size, strict=True)]
        smooth: Floats32 = ndimage.gaussian_filter(self.grid, sigma, mode="reflect")
        if self.ground is not None:
            smooth = smooth / np.maximum(ndimage.gaussian_filter(self.ground, sigma, mode="reflect"), 1e-6)
        return resized(smooth, size, Image.Resampling.BICUBIC)


@dataclass(frozen=True)
class _Layer:
    """One source, turned and cut to the size of the image: details, own light, marks (`marked`: mask, else boxes)."""

    detail: Floats32
    light: Floats32
    source: int
    symmetry: int
    marked: Bools | None = None
    mask: Bools | None = None
    places: tuple[Place, ...] | None = None


def compose(
    sources: Sequence[Detail],
    donors: Sequence[Light],
    how: Composition,
    symmetries: Sequence[int],
    rng: np.random.Generator,
    partners: Sequence[Sequence[int]] | None = None,
) -> Composed:
    """Return one new image.

    Args:
        sources: images of the class.
        donors: lights to choose from; where there are none, the image keeps its own.
        how: the settings.
        symmetries: the turns that the class shows, 0 to 7; those of 4 and more only count for square images.
        rng: where the choices come from.
        partners: for each source the numbers of those that it may be joined with. None: each with each.
    """
    first = int(rng.integers(len(sources)))
    size = sources[first].pixels.shape[:2]
    width = how.light_width * float(np.exp(rng.uniform(0, np.log(WIDER))))
    layers = [_layer(sources, first, size, how, symmetries, width, rng)]
    if len(sources) > 1 and rng.random() < how.blend:
        other = _layer(sources, _second(sources, first, how, rng, partners), size, how, symmetries, width, rng)
        if (other.source, other.symmetry) != (layers[0].source, layers[0].symmetry):  # else it would show twice
            layers.append(other)
    donor = int(rng.integers(len(donors))) if len(donors) and rng.random() < how.relight else None
    weights = _weights(layers, size, rng)
    own = np.zeros(size, np.float32)
    for weight, layer in zip(weights, layers, strict=True):
        own += weight * layer.light
    light = own if donor is None else _levelled(donors[donor].smoothed(width, size), own)
    contrast = np.sqrt(np.sum(np.square(weights), axis=0))  # else there is less of it at the border of a blend
    pixels = np.zeros_like(layers[0].detail) + to_like(light, layers[0].detail)
    for weight, layer in zip(weights, layers, strict=True):
        grown = weight / contrast * scaling(layer.light, light, how.light_power)
        pixels += layer.detail * to_like(grown, layer.detail)
    mask, places = _marks(layers, weights)
    outside = float(((pixels < 0) | (pixels > 1)).mean())
    return Composed(
        np.clip(pixels, 0, 1),
        tuple(layer.source for layer in layers),
        tuple(layer.symmetry for layer in layers),
        donor,
        mask,
        places,
        outside,
    )


def _levelled(light: Floats32, own: Floats32) -> Floats32:
    """Return a donor's light, its mean brought nearer to that of the sources' own light."""
    levelled: Floats32 = light + np.float32(LEVEL) * (own.mean() - light.mean())
    return levelled


def scaling(own: Floats32, new: Floats32, power: float) -> Floats32:
    """Return by how much details grow, (H, W), when `new` takes the place of their own light.

    The ratio of both to a power: 1 is a surface that reflects a share of the light, 0 one that adds its texture to it.
    """
    ratio: Floats32 = np.clip((new + DARKEST) / (own + DARKEST), LOWEST, HIGHEST) ** np.float32(power)
    return ratio


def blend_mask(size: tuple[int, int], rng: np.random.Generator) -> Floats32:
    """Return a smooth random weight (H, W), 0 to 1: mostly near one of both, with a narrow border between."""
    shorter = min(size)
    factor = min(1.0, 4 / (MASK_WIDTH * shorter))  # of a grid on which the smoothing has a sigma of 4
    sigma, pad = MASK_WIDTH * shorter * factor, 16
    grid = [round(side * factor) + 1 for side in size]
    longer, shorter = sorted((side + 2 * pad for side in grid), reverse=True)
    noise = np.random.default_rng(int(rng.integers(1 << 62))).standard_normal((longer, shorter)).astype(np.float32)
    if grid[1] > grid[0]:
        noise = noise.T
    smooth = ndimage.gaussian_filter(noise, sigma)[pad:-pad, pad:-pad] * (2 * np.sqrt(np.pi) * sigma)
    plane = resized(smooth.astype(np.float32), size, Image.Resampling.BICUBIC)
    weight: Floats32 = 1 / (1 + np.exp(np.float32(-MASK_SLOPE) * plane))
    return weight


def _second(
    sources: Sequence[Detail],
    first: int,
    how: Composition,
    rng: np.random.Generator,
    partners: Sequence[Sequence[int]] | None,
) -> int:
    """Draw the source to join with the first: a partner, or itself, that fills its frame without being enlarged beyond
    the zoom.
    """
    height, width = sources[first].pixels.shape[:2]
    fitting = [
        number
        for number in range(len(sources))
        if sources[number].pixels.shape[0] * how.zoom >= height and sources[number].pixels.shape[1] * how.zoom >= width
        if number == first or partners is None or number in partners[first]
    ]
    return int(fitting[rng.integers(len(fitting))])


def _layer(
    sources: Sequence[Detail],
    number: int,
    size: tuple[int, int],
    how: Composition,
    symmetries: Sequence[int],
    width: float,
    rng: np.random.Generator,
) -> _Layer:
    source = sources[number]
    square = source.pixels.shape[0] == source.pixels.shape[1]
    allowed = [symmetry for symmetry in symmetries if symmetry < 4 or square] or [0]
    symmetry = int(allowed[rng.integers(len(allowed))])
    pixels = turned(source.pixels, symmetry)
    height, across = pixels.shape[:2]
    marked, cover = _marked(source, symmetry), max(size[0] / height, size[1] / across, 1.0)
    windows = rng.random((WINDOWS_TRIED, 3))
    windows[-1, 0] = 0  # the last one is not enlarged
    for grown, down, right in windows.tolist():
        enlarged = cover * (1 + grown * (how.zoom - 1))
        cut = [min(side, max(1, round(wanted / enlarged))) for side, wanted in zip((height, across), size, strict=True)]
        top, left = int(down * (height - cut[0] + 1)), int(right * (across - cut[1] + 1))
        window = slice(top, top + cut[0]), slice(left, left + cut[1])
        if marked is None or marked[window].sum() >= ENOUGH * marked.sum():
            break
    pixels = resized(np.ascontiguousarray(pixels[window]), size, Image.Resampling.BICUBIC)
    light = Light.of(pixels).smoothed(width, size)
    shown = None
    if marked is not None:
        part = np.ascontiguousarray(marked[window]).astype(np.float32)
        shown = resized(part, size, Image.Resampling.BILINEAR) >= 0.5
    mask = shown if source.mask is not None else None
    places = tuple(_moved(place, source.pixels.shape[:2], symmetry, (top, left), cut, size) for place in source.places)
    inside = tuple(place for place in places if place.right > place.left and place.bottom > place.top)
    return _Layer(
        pixels - to_like(light, pixels), light, number, symmetry, shown, mask, inside if source.places else None
    )


def _marked(source: Detail, symmetry: int) -> Bools | None:
    """Return the pixels of a turned source that its labels mark, or that lie in its boxes; None: they say nothing."""
    marked = source.mask
    if marked is None and source.places:
        marked = np.zeros(source.pixels.shape[:2], dtype=bool)
        for place in source.places:
            marked[place.top : place.bottom, place.left : place.right] = True
    return None if marked is None else np.asarray(turned(marked, symmetry))


def _weights(layers: Sequence[_Layer], size: tuple[int, int], rng: np.random.Generator) -> list[Floats32]:
    if len(layers) == 1:
        return [np.ones(size, np.float32)]
    marks = [layer.marked for layer in layers if layer.marked is not None]
    tried = [blend_mask(size, rng) for _ in range(MASKS_TRIED if marks else 1)]
    if len(marks) == len(layers):
        tried = [weight for weight in tried if _shown(marks, weight) >= ENOUGH] or [np.ones(size, np.float32)]
    best = min(tried, key=lambda weight: sum(place.cut for place in _marks(layers, [weight, 1 - weight])[1]))
    return [best, 1 - best]


def _shown(marks: Sequence[Bools], weight: Floats32) -> float:
    """Return the largest share of the marks of one of two images that a blend shows."""
    parts = (
        mark[side >= 0.5].sum() / max(1, mark.sum()) for mark, side in zip(marks, (weight, 1 - weight), strict=True)
    )
    return float(max(parts))


def _marks(layers: Sequence[_Layer], weights: Sequence[Floats32]) -> tuple[Bools | None, tuple[Place, ...]]:
    """Return the mask and the boxes of what can be seen of the layers: where one has half of the weight or more."""
    shown = [weight >= 0.5 for weight in weights]
    masks = [layer.mask & seen for layer, seen in zip(layers, shown, strict=True) if layer.mask is not None]
    mask = np.logical_or.reduce(masks) if len(masks) == len(layers) else None
    places: list[Place] = []
    known = all(layer.places is not None for layer in layers)
    for layer, seen in zip(layers, shown, strict=True):
        for place in (layer.places or ()) if known else ():
            part = seen[place.top : place.bottom, place.left : place.right]
            rows, columns = np.flatnonzero(part.any(1)), np.flatnonzero(part.any(0))
            if not len(rows) or part.mean() <= UNCUT:
                continue
            cut = place.cut or part.mean() < 1 - UNCUT
            corners = (place.left, place.top, place.right, place.bottom)
            if cut:
                corners = (
                    place.left + int(columns[0]),
                    place.top + int(rows[0]),
                    place.left + int(columns[-1]) + 1,
                    place.top + int(rows[-1]) + 1,
                )
            places.append(Place(place.label, *corners, cut=bool(cut)))
    return mask, tuple(places)


def _moved(
    place: Place,
    shape: tuple[int, int],
    symmetry: int,
    corner: tuple[int, int],
    cut: Sequence[int],
    size: tuple[int, int],
) -> Place:
    """Return a box after its image was turned, cut at `corner` to `cut` pixels and resized to `size`."""
    (top, bottom), (left, right) = (place.top, place.bottom), (place.left, place.right)
    if symmetry & 1:
        left, right = shape[1] - right, shape[1] - left
    if symmetry & 2:
        top, bottom = shape[0] - bottom, shape[0] - top
    if symmetry & 4:
        top, bottom, left, right = left, right, top, bottom
    ends = []
    lost = False
    down, across = (top, bottom, corner[0], cut[0], size[0]), (left, right, corner[1], cut[1], size[1])
    for start, end, begin, part, side in (down, across):
        inner = max(start, begin), min(end, begin + part)
        lost = lost or inner[1] - inner[0] < (1 - UNCUT) * (end - start)
        ends.append([min(side, max(0, round((value - begin) * side / part))) for value in inner])
    (top, bottom), (left, right) = ends
    return Place(place.label, left, top, right, bottom, cut=place.cut or lost)
