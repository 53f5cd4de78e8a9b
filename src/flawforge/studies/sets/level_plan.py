"""How two folders of images from different tools are brought to one form: what differs that is no matter of surfaces.

Size, file format, colour, depth, an even border, and structure that enlarging has lost are measured on both sides. Each
would decide a verdict by itself, whatever the images show. Both sides pass the lesser of the two; what cannot be given
back to one side is taken from the other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import TypeVar

import numpy as np
import torch

from flawforge.core.arrays import Floats
from flawforge.core.images import Pixels, eight_bits, in_channels, resize, to_unit
from flawforge.core.progress import Progress
from flawforge.data.cache import recall_content, remember_content
from flawforge.data.dataset import Dataset
from flawforge.data.levelling import JPEG, Level, even_border, files_quality, middle, webp_stays, without_border
from flawforge.data.threads import in_threads
from flawforge.metrics.fidelity.spectrum import radial_spectra, ring_frequencies
from flawforge.runs.records import Levelled, Levelling

SHORT, LONG = 128, 256  # pixels of the shorter and of the longer side at which images are compared, at most
LOOKED_AT = 48  # images of each side that borders and structures are measured on
BORDERED = 0.02  # share of a side from which on an even border counts ...
MOST = 0.9  # ... where so many images of one side have it, and of the other less than the rest
LOST = 10.0  # dB that the finest structure lacks on one side: it was enlarged, or smoothed away
LAST, STEEP = 0.75, 3.0  # so too where it falls by so many dB from this share of frequencies on, as enlarging does
FADING = 2.0  # dB below the other side at which that begins
WEAKER = 4.0  # dB that it lacks from which on that is said, though nothing is reduced
FINEST = 0.85  # share of the resolution up to which structure must be there
FEWEST = 12  # images of each side that structures are measured on: of one the spectrum is chance
SMALLER = 0.95  # of that resolution, in height or width, below which it is said that an image was enlarged
SMALLEST = 32  # pixels to which both sides are reduced at least
UNLIKE = 0.02  # by which proportions may differ
PROBE = 64  # pixels at which it is told whether proportions were changed by stretching or by cutting
LOOKS = 4  # raise it when what is measured comes out otherwise: what is remembered counts no more
Found = TypeVar("Found")
Sizes = tuple[tuple[int, int], tuple[int, int]]  # (height, width) of real and of generated images


def plan_levels(
    real: Dataset, generated: Dataset, progress: Progress, *, structures: bool = True
) -> tuple[Level, Level, Levelling]:
    """Return what each side's images pass, and what is said of it.

    Args:
        real: the real images, of both training and held-out ones.
        generated: the generated ones.
        progress: where to tell how far it is.
        structures: whether both are reduced to what the coarser side holds; for a search for copies it would cost
            detail, and gain nothing.
    """
    sides = (real, generated)
    channels = 3 if all(_coloured(side) for side in sides) else 1
    qualities = [files_quality(side.samples, 100) for side in sides]
    known = [found for found in qualities if found is not None]
    quality = min(known, default=None)
    looked = Looked(sides, progress)
    borders = looked.measured("borders", lambda images: [_bordered(side) for side in images])
    crops = [other < 1 - MOST and not 1 - MOST <= own < MOST for own, other in (borders, borders[::-1])]
    inner = looked.measured(f"inside {crops}", lambda images: list(map(_inside, images, crops))) if any(crops) else []
    sizes = (_size(real, *inner[:1]), _size(generated, *inner[1:]))
    frames = [None if own is not None or quality is None else other for own, other in _crossed(qualities, sizes)]
    shape = None
    if unlike(sizes):
        within = [_within(crop) for crop in crops]
        what = f"proportions {sizes} inside {crops}" if any(crops) else f"proportions {sizes}"
        shape = looked.measured(
            what, lambda images: _cut_shape([list(map(*one)) for one in zip(within, images, strict=True)], sizes)
        )
    resolution = common_resolution(sizes, shape)
    levels = [Level(channels, resolution, quality, frame, crop) for frame, crop in zip(frames, crops, strict=True)]
    if shape is not None:
        levels[0] = replace(levels[0], shape=shape)
    if structures := structures and min(map(len, sides)) >= FEWEST:
        held = looked.measured(f"structures {levels}", lambda images: _finest(levels, images))
    else:
        held = ALL
    shares = [share for share, _ in held]
    finest, enlarged = min(shares), _enlarged(sides, resolution)
    if finest < FINEST:
        resolution = _reduced(resolution, finest)
        levels = [replace(level, resolution=resolution) for level in levels]
    differences = [
        _sizes(sides, resolution),
        _formats(sides, quality),
        _colours(sides, channels),
        _depths(sides),
        *([_proportions(sizes, shape)] if unlike(sizes) else []),
        *([_borders(borders)] if max(borders) > BORDERED else []),
        *([_structures(shares, resolution)] if finest < FINEST else []),
    ]
    levelling = Levelling(
        resolution=resolution,
        channels=channels,
        quality=quality,
        coarser="" if finest >= FINEST else "real" if shares[0] == finest else "generated",
        differences=differences,
        steps=[*webp_stays(real.samples, generated.samples), *enlarged, *([] if finest < FINEST else _weaker(held))],
    )
    return levels[0], levels[1], levelling


def _crossed(qualities: list[int | None], sizes: Sizes) -> list[tuple[int | None, tuple[int, int]]]:
    return [(qualities[0], sizes[1]), (qualities[1], sizes[0])]


def _coloured(dataset: Dataset) -> bool:
    return 2 * sum(not sample.gray for sample in dataset.samples) > len(dataset)


def _size(dataset: Dataset, inside: Sequence[float] = (1.0, 1.0)) -> tuple[int, int]:
    """Return the middling height and width, `inside` so much of them."""
    heights, widths = ([getattr(sample, side) for sample in dataset.samples] for side in ("height", "width"))
    return round(inside[0] * int(np.median(heights))), round(inside[1] * int(np.median(widths)))


def common_resolution(sizes: Sizes, shape: float | None) -> tuple[int, int]:
    """Return the size at which images are compared: of the real ones' proportions, or `shape`; no side enlarged."""
    (height, width), other = sizes
    if shape is not None:
        height, width = min(height, round(width * shape)), min(width, round(height / shape))
    factor = min(1.0, SHORT / min(height, width), LONG / max(height, width), min(other[0] / height, other[1] / width))
    return max(4, round(height * factor)), max(4, round(width * factor))


def unlike(sizes: Sizes) -> bool:
    """Say whether both sides have other proportions."""
    (height, width), (other_height, other_width) = sizes
    return abs(height * other_width / (width * other_height) - 1) > UNLIKE


def _cut_shape(looked: list[list[Pixels]], sizes: Sizes) -> float | None:
    """Return the generated images' height over width where the real ones must be cut to it; None: they are stretched.

    A tool that wants other proportions either stretches the images that it is given or takes their middle. Stretched
    structures are finer along one axis, so that the mean spectrum tells which it was.
    """
    shape, side = sizes[1][0] / sizes[1][1], (PROBE, PROBE)

    def spectrum(images: Iterable[Pixels]) -> Floats:
        grays = (in_channels(image, 1) for image in images)
        units = np.stack([to_unit(resize(np.ascontiguousarray(gray), *side)) for gray in grays])
        window = np.hanning(PROBE)[:, None] * np.hanning(PROBE)
        power = np.abs(np.fft.rfft2((units - units.mean(axis=(1, 2), keepdims=True)) * window)) ** 2
        found = np.log(power + 1e-9).mean(axis=0)
        return np.asarray(found - found.mean(), dtype=np.float64)

    made = spectrum(looked[1])
    stretched, cut = spectrum(looked[0]), spectrum(middle(image, shape) for image in looked[0])
    return shape if np.abs(cut - made).mean() < np.abs(stretched - made).mean() else None


def _reduced(resolution: tuple[int, int], share: float) -> tuple[int, int]:
    share = min(1.0, max(share, SMALLEST / min(resolution)))
    return round(resolution[0] * share), round(resolution[1] * share)


class Looked:
    """Some images of both sides, evenly spread, and what was measured on them, remembered by their content."""

    def __init__(self, sides: tuple[Dataset, Dataset], progress: Progress) -> None:
        """Choose the images."""
        self._sides, self._progress = sides, progress
        self._rows = [
            np.unique(np.linspace(0, len(side) - 1, min(LOOKED_AT, len(side))).astype(int)).tolist() for side in sides
        ]

    @cached_property
    def _images(self) -> list[list[Pixels]]:
        """The images of each side, with 8 bits; read when something was not measured before."""
        images, sides = [], list(zip(self._sides, self._rows, strict=True))
        for side, rows in self._progress.each("measuring sizes, borders and structures", sides, "folders"):
            images.append(list(in_threads(partial(_eight_bits, side), rows)))
        return images

    def measured(self, what: str, measure: Callable[[list[list[Pixels]]], Found]) -> Found:
        """Return what `measure` gives of the images of both sides: numbers, or None; `what` says all that it depends
        on beside them.
        """
        digest = hashlib.sha256(f"looked at {LOOKS} {what}".encode())
        for side, rows in zip(self._sides, self._rows, strict=True):
            digest.update(
                f"| {side.white} {[(side.samples[row].sha256, side.samples[row].tile) for row in rows]}".encode()
            )
        try:
            found: Found = json.loads(recall_content(digest.hexdigest()))
        except ValueError:
            found = measure(self._images)
            remember_content(digest.hexdigest(), json.dumps(found).encode())
        return found


def _eight_bits(dataset: Dataset, row: int) -> Pixels:
    return eight_bits(dataset.read(row), dataset.white)


def _bordered(images: list[Pixels]) -> float:
    """Return the share of images with an even border."""
    wide = [
        top + bottom >= BORDERED * image.shape[0] or left + right >= BORDERED * image.shape[1]
        for image in images
        for top, bottom, left, right in (even_border(image),)
    ]
    return float(np.mean(wide))


def _within(crop: bool) -> Callable[[Pixels], Pixels]:
    return without_border if crop else lambda image: image


def _inside(images: list[Pixels], crop: bool) -> list[float]:
    """Return how much of its height and width an image has within its border, in the middle of those looked at."""
    if not crop:
        return [1.0, 1.0]
    shares = [np.divide(without_border(image).shape[:2], image.shape[:2]) for image in images]
    return [float(share) for share in np.median(shares, axis=0)]


ALL = [[1.0, 0.0], [1.0, 0.0]]


def _finest(levels: list[Level], looked: list[list[Pixels]]) -> list[list[float]]:
    """Return up to what share of the resolution each side holds structure (1: all of it), and the dB that it lacks in
    the finest.
    """
    resolution = levels[0].resolution
    if min(resolution) <= SMALLEST:
        return ALL
    spectra = []
    for level, images in zip(levels, looked, strict=True):
        grays = [in_channels(level.apply(one, 255), 1) for one in images]
        grays = [gray for gray in grays if gray.min() < gray.max()]  # a blank image has no structure to be finest
        if len(grays) < FEWEST:
            return ALL
        spectra.append(radial_spectra(torch.from_numpy(to_unit(np.stack(grays)))[:, None]).mean(axis=0))
    rings = ring_frequencies(*resolution)
    return [held_structure(spectra[0] - spectra[1], rings), held_structure(spectra[1] - spectra[0], rings)]


def _enlarged(sides: tuple[Dataset, Dataset], resolution: tuple[int, int]) -> list[str]:
    """Return what a reader must know where images smaller than most of their side were enlarged."""
    told = []
    for name, side in zip(("real", "generated"), sides, strict=True):
        small = sum(
            sample.height < SMALLER * resolution[0] or sample.width < SMALLER * resolution[1] for sample in side.samples
        )
        if small:
            are = "is smaller, and was" if small == 1 else "are smaller, and were"
            told.append(
                f"{small:,} of the {len(side):,} {name} images {are} enlarged to {resolution[1]}x{resolution[0]} "
                f"pixels, the size of the others, which smooths. Give images of one size to compare their structure."
            )
    return told


def _weaker(held: list[list[float]]) -> list[str]:
    """Return what a reader must know where one side's finest structure is weak, but not so weak that it is levelled."""
    return [
        f"The finest structure of the {side} images is {lacks:.1f} dB weaker than that of the others. Enlarging or "
        f"compressing files does that, and a generator that smooths: the numbers cannot tell which."
        for side, (_, lacks) in zip(("real", "generated"), held, strict=True)
        if lacks >= WEAKER
    ]


def held_structure(more: Floats, rings: Floats) -> list[float]:
    """Return the share of frequencies from which on a side's structure fades away (1: nowhere), and the dB that it
    lacks in the finest.

    It fades away where it lacks `LOST` in the finest, or falls by `STEEP` from `LAST` of the frequencies on.

    Args:
        more: (B,) dB that it has more than the other side in each ring.
        rings: (B,) their frequencies.
    """
    more = more - np.median(more[: max(1, len(more) // 4)])  # whatever the contrast
    lacks = max(0.0, -float(more[-1]))
    if lacks < LOST and np.interp(LAST, 2 * rings, more) - more[-1] < STEEP:
        return [1.0, lacks]
    first = len(more) - int(np.argmin(more[::-1] <= -FADING))
    return [float(2 * rings[max(first - 1, 0)]), lacks]


def _sizes(sides: tuple[Dataset, Dataset], resolution: tuple[int, int]) -> Levelled:
    real, generated = (_size(side) for side in sides)
    done = "" if real == generated == resolution else f"all brought to {resolution[1]}x{resolution[0]}"
    texts = []
    for side, (height, width) in zip(sides, (real, generated), strict=True):
        several = len({(sample.height, sample.width) for sample in side.samples}) > 1
        texts.append(f"{'about ' * several}{width}x{height}")
    return Levelled(what="size", real=texts[0], generated=texts[1], done=done)


def _formats(sides: tuple[Dataset, Dataset], quality: int | None) -> Levelled:
    texts = []
    for side in sides:
        names = sorted({"JPEG" if sample.encoding in JPEG else sample.encoding for sample in side.samples})
        own = files_quality(side.samples, 100)
        texts.append(f"JPEG, quality {own}" if own is not None and names == ["JPEG"] else ", ".join(names))
    done = "" if quality is None else f"all encoded as JPEG of quality {quality}"
    return Levelled(what="file format", real=texts[0], generated=texts[1], done=done)


def _colours(sides: tuple[Dataset, Dataset], channels: int) -> Levelled:
    texts = []
    for side in sides:
        count = sum(not sample.gray for sample in side.samples)
        stored = any(sample.mode == "RGB" for sample in side.samples)
        gray = "gray, stored as colour" if stored else "gray"
        texts.append(gray if not count else "colour" if count == len(side) else f"{count} of {len(side)} in colour")
    all_gray = all(text.startswith("gray") for text in texts)
    done = "all taken as gray" if channels == 1 and not all_gray else ""
    return Levelled(what="colour", real=texts[0], generated=texts[1], done=done)


def _depths(sides: tuple[Dataset, Dataset]) -> Levelled:
    real, generated = (f"{side.bits} bits" for side in sides)
    done = "all taken with 8 bits" if "16 bits" in (real, generated) else ""
    return Levelled(what="depth", real=real, generated=generated, done=done)


def _borders(borders: list[float]) -> Levelled:
    real, generated = (f"{round(100 * share)}% have an even border" if share else "none" for share in borders)
    done = "cut off" if min(borders) < 1 - MOST and not 1 - MOST <= max(borders) < MOST else ""
    return Levelled(what="border", real=real, generated=generated, done=done)


def _proportions(sizes: Sizes, shape: float | None) -> Levelled:
    real, generated = (f"{width / height:.2f} to 1" for height, width in sizes)
    done = "generated ones stretched to the real ones'" if shape is None else "real ones cut to the generated ones'"
    return Levelled(what="proportions", real=real, generated=generated, done=done)


def _structures(shares: list[float], resolution: tuple[int, int]) -> Levelled:
    texts = [f"down to {round(100 * share)}% of its size" if share < FINEST else "at full size" for share in shares]
    done = f"all reduced to {resolution[1]}x{resolution[0]}"
    return Levelled(what="finest structure", real=texts[0], generated=texts[1], done=done)
