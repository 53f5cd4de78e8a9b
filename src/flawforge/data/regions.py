"""Regions: where a defect is, as labels say it (a polygon, run lengths, a mask image), and the pixels that it covers.

One rule for all: a pixel belongs to a region when its centre lies inside. Coordinates run along the borders of pixels,
from 0 at the left and the top; the pixel in column 3 reaches from 3 to 4.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate
from pathlib import Path

import numpy as np
from PIL import Image

from flawforge.core.arrays import Bools
from flawforge.data.mask_pixels import levels_of, mask_pixels

FEW_LEVELS = 16  # a mask with more levels was smoothed or compressed: it is cut in the middle
LARGEST_MASK = 80_000_000  # pixels, as of an image
NUMBER = re.compile("[P-o]*[0-O]")  # of packed run lengths
PACKED = re.compile("(?:[P-o]{0,6}[0-O])+")
NOISE = 64  # levels nearer to each other than this are one level in a mask that JPEG has blurred


@dataclass(frozen=True)
class Polygon:
    """One outline and its holes.

    Attributes:
        rings: the outline, then the holes: each x0, y0, x1, y1, ... in pixels. Where rings overlap, an even number of
            them is outside.
    """

    rings: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class RunLengths:
    """Alternating lengths of ground and defect, down the columns from the top left, ground first (as COCO has them).

    Attributes:
        counts: the lengths; they sum up to height times width.
        height: of the mask in pixels.
        width: likewise.
        file: where they were read, for tiles: the mask image or the label file.
    """

    counts: tuple[int, ...]
    height: int
    width: int
    file: str = ""


@dataclass(frozen=True)
class MaskImage:
    """A picture whose pixels say where the defect is.

    Attributes:
        file: its path below the dataset's root.
        values: the pixel values that are marked (the index, for palettes; red * 65536 + green * 256 + blue for
            colours); empty: those above `threshold`.
        threshold: pixel value above which a pixel is marked; None: not settled yet (`settle_mask`).
        inverted: marked is what is not.
    """

    file: str
    values: tuple[int, ...] = ()
    threshold: int | None = None
    inverted: bool = False


Region = Polygon | RunLengths | MaskImage


def draw_region(region: Region, height: int, width: int, root: Path) -> Bools:
    """Return (height, width) bool, True inside the region.

    A mask of another size is scaled without smoothing.

    Raises:
        ImageBrokenError: a mask image cannot be read.
    """
    if isinstance(region, Polygon):
        return fill_polygon(region.rings, height, width)
    if isinstance(region, RunLengths):
        mask = expand_runs(region)
    else:
        pixels = mask_pixels(root / region.file)
        marked = np.isin(pixels, region.values) if region.values else pixels > (region.threshold or 0)
        mask = marked != region.inverted
    if mask.shape != (height, width):
        mask = np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST), dtype=bool)
    return mask


def fill_polygon(rings: Sequence[Sequence[float]], height: int, width: int) -> Bools:
    """Return (height, width) bool: the pixels whose centres an odd number of rings encloses."""
    flips = np.zeros((height, width + 1), dtype=np.int64)
    for ring in rings:
        points = np.asarray(ring, dtype=np.float64).reshape(-1, 2)
        for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
            ends = np.clip(np.ceil(np.array(sorted((y0, y1))) - 0.5), 0, height).astype(int)
            rows = np.arange(*ends)
            if len(rows):
                crossed = x0 + (rows + 0.5 - y0) * (x1 - x0) / (y1 - y0)
                np.add.at(flips, (rows, np.clip(np.ceil(crossed - 0.5), 0, width).astype(int)), 1)
    return np.asarray(np.cumsum(flips, axis=1)[:, :width] % 2 == 1)


def expand_runs(runs: RunLengths) -> Bools:
    """Return (H, W) bool of run lengths."""
    values = np.arange(len(runs.counts)) % 2 == 1
    return np.repeat(values, runs.counts).reshape(runs.width, runs.height).T


def checked_runs(counts: object, size: object) -> RunLengths:
    """Return COCO's run lengths, a list of numbers or packed into text, once they are known to fill their mask.

    They are checked here because libraries do not: one that was given damaged run lengths did not return.

    Raises:
        ValueError: they are none, and why.
    """
    if not isinstance(size, list | tuple) or len(size) != 2 or not all(type(side) is int for side in size):
        raise ValueError("its size is not two whole numbers")
    height, width = size
    if height < 1 or width < 1 or height * width > LARGEST_MASK:
        raise ValueError(f"its size {height}x{width} is that of no picture")
    if isinstance(counts, str):
        lengths = _unpacked(counts)
    elif isinstance(counts, list) and set(map(type, counts)) <= {int}:
        lengths = counts
    else:
        raise ValueError("its run lengths are not whole numbers")
    if min(lengths, default=0) < 0:
        raise ValueError("a run length is negative")
    if sum(lengths) != height * width:
        raise ValueError(f"its run lengths sum up to {sum(lengths)}, not to {height} * {width}")
    return RunLengths(tuple(lengths), height, width)


def _unpacked(text: str) -> list[int]:
    """Return run lengths from COCO's text: from the fourth on, each is the difference from the one before the last."""
    if not PACKED.fullmatch(text):
        raise ValueError("its packed run lengths are damaged")
    counts = list(map(_number, NUMBER.findall(text)))
    counts[1::2] = accumulate(counts[1::2])
    counts[2::2] = accumulate(counts[2::2])
    return counts


@lru_cache(1 << 16)
def _number(letters: str) -> int:
    """Return one number of COCO's text: five bits a letter from "0" on, the lowest first, a sixth where more follow."""
    value = sum(((ord(letter) - 48) & 31) << 5 * place for place, letter in enumerate(letters))
    return value - (1 << 5 * len(letters)) if (ord(letters[-1]) - 48) & 16 else value


def as_runs(mask: Bools) -> RunLengths:
    """Return the run lengths of an (H, W) mask."""
    flat = np.concatenate([[False], mask.T.ravel()])
    cuts = np.flatnonzero(flat[1:] != flat[:-1])
    counts = np.diff(np.concatenate([[0], cuts, [mask.size]]))
    return RunLengths(tuple(counts.tolist()), *mask.shape)


def settle_mask(mask: MaskImage, root: Path) -> tuple[MaskImage | None, float]:
    """Decide which pixels of a mask image are marked, from its levels.

    Two levels are cut in the middle, however far they are apart (VisA's masks have 0 and 1). Up to 16 levels are taken
    as values, each above the lowest is marked, zero never. More come from smoothing or compression and are cut in the
    middle. One level marks nothing when it is 0, else everything.

    Returns:
        The mask with its threshold, or None where it marks nothing; and the share of the picture that is marked.

    Raises:
        ImageBrokenError: it cannot be read.
    """
    pixels = mask_pixels(root / mask.file)
    if not mask.values:
        levels, _ = levels_of(pixels)
        blurred = mask.file.lower().endswith((".jpg", ".jpeg")) or len(levels) > FEW_LEVELS
        low, high = int(levels[0]), int(levels[-1])
        if low == high or (blurred and high - low < NOISE):  # one level
            marks = high >= 2 * NOISE if blurred else high > 0
            threshold = low - 1 if marks else high
        elif blurred or len(levels) == 2:
            threshold = (low + high) // 2
        else:
            threshold = low
        mask = replace(mask, threshold=threshold)
    marked = np.isin(pixels, mask.values) if mask.values else pixels > (mask.threshold or 0)
    share = float((marked != mask.inverted).mean())
    return (mask if share else None), share
