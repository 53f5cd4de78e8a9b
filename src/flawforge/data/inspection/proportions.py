"""What the network's small square does to images: elongated ones are squeezed, small defects vanish."""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import median

import numpy as np

from flawforge.core.settings.recipes import DEFAULT, RECIPES
from flawforge.data.dataset import Dataset
from flawforge.data.sample import Sample

ELONGATED = 2  # times longer than wide, from which on a word is said
SEEN = 4  # side, in the network's pixels, that a defect gets by the tiles that are recommended
LOOKED_AT = 50  # images whose masks are drawn to see how large their defects are
SIDE = RECIPES[DEFAULT].resolution[0]


def elongated(dataset: Dataset) -> str:
    """Return the warning that the images are much longer than wide, or nothing."""
    ratio = median(math.log2(sample.width / sample.height) for sample in dataset.samples)
    if abs(ratio) < math.log2(ELONGATED):
        return ""
    long = max(dataset.samples, key=lambda sample: math.log2(sample.width / sample.height) * ratio)
    doublings = min(round(abs(ratio)), 6)
    short, wide = SIDE >> doublings // 2, SIDE << (doublings - doublings // 2)
    resolution = f"{short}x{wide}" if ratio > 0 else f"{wide}x{short}"
    tile = min(median(min(sample.width, sample.height) for sample in dataset.samples), 4 * SIDE)
    return (
        f"The images are elongated (such as {long.path}: {long.width}x{long.height}), and training makes them "
        f"{SIDE}x{SIDE}: proportions are lost. --tiles {tile:.0f} cuts them into squares at native resolution; "
        f"--resolution {resolution} (height first) trains at about their proportions."
    )


def small_defects(dataset: Dataset) -> str:
    """Return the warning that defects are smaller than a pixel of the network, or nothing."""
    found = [(sample, area) for index, sample in _looked_at(dataset) for area in _areas(dataset, index, sample)]
    small = [(sample, area) for sample, area in found if area * SIDE * SIDE < sample.width * sample.height]
    if not small:
        return ""
    sample, area = small[0]
    side = math.sqrt(median(area for _, area in small))
    fitting = max(SIDE, SIDE * round(side / SEEN)) if side > SEEN else SIDE
    return (
        f"{len(small):,} of {len(found):,} defects are smaller than one pixel when training makes their image "
        f"{SIDE}x{SIDE} (such as in {sample.path}: {area:,.0f} pixels of {sample.width}x{sample.height}): the "
        f"generator cannot learn them. --tiles {fitting} cuts the images into squares in which they are large enough."
    )


def _looked_at(dataset: Dataset) -> Iterator[tuple[int, Sample]]:
    """Give the images with marks; of those whose masks must be drawn, some spread over the dataset."""
    marked = [index for index, sample in enumerate(dataset.samples) if sample.marks]
    drawn = [index for index in marked if not dataset.samples[index].boxes]
    spread = {drawn[int(place)] for place in np.linspace(0, len(drawn) - 1, LOOKED_AT)} if drawn else set()
    return ((i, dataset.samples[i]) for i in marked if dataset.samples[i].boxes or i in spread)


def _areas(dataset: Dataset, index: int, sample: Sample) -> list[float]:
    """Return the area in pixels of each boxed defect, else of all that the mask marks."""
    if sample.boxes:
        return [float((box.right - box.left) * (box.bottom - box.top)) for box in sample.boxes]
    area = int(np.count_nonzero(dataset.mask(index)))
    return [float(area)] if area else []
