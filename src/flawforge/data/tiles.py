"""Tiles: pictures cut into overlapping squares at native resolution, each with the class of the defect in it.

A picture is cut from edge to edge, neighbours overlap by a quarter of their side or more: a defect smaller than that is
whole in one of them. Squares are never padded: a picture with a side below the one asked for gives squares of its short
side, and a square one that is small enough stays as it is.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from flawforge.core.arrays import Bools
from flawforge.core.errors import ImageBrokenError
from flawforge.core.progress import Progress
from flawforge.data.decode import content_sha256, read_part
from flawforge.data.good_names import find_good
from flawforge.data.regions import Polygon, as_runs, draw_region, fill_polygon
from flawforge.data.sample import Broken, Mark, Sample, Tile
from flawforge.data.threads import told_in_threads

OVERLAP = 0.25  # share of a side that neighbours have in common at least
SHOWN = 0.25  # share of a defect that a tile must show to be of its class, or ...
LONG = 0.5  # ... share of the tile's side along which it must reach
EDGE = "shows only the edge of a defect"
NOWHERE = "its image has a defect of which the labels do not say where it is"


@dataclass(frozen=True)
class CoveredPixels:
    """The pixels that a mark covers: a mask, and where in the picture its corner lies."""

    mark: Mark
    left: int
    top: int
    mask: Bools
    area: int

    def within(self, tile: Tile) -> Bools:
        """Return (H, W) bool of the tile."""
        height, width = self.mask.shape
        out = np.zeros((tile.bottom - tile.top, tile.right - tile.left), dtype=bool)
        top, bottom = max(self.top, tile.top), min(self.top + height, tile.bottom)
        left, right = max(self.left, tile.left), min(self.left + width, tile.right)
        if top < bottom and left < right:
            part = self.mask[top - self.top : bottom - self.top, left - self.left : right - self.left]
            out[top - tile.top : bottom - tile.top, left - tile.left : right - tile.left] = part
        return out


def cut_all(
    root: Path, samples: Sequence[Sample], side: int, progress: Progress
) -> tuple[list[Sample], list[Broken], list[str]]:
    """Cut the images of a dataset.

    Args:
        root: the folder that the samples' paths start from.
        samples: whole images, with a class or without.
        side: of a tile in pixels.
        progress: where to tell how far it is.

    Returns:
        The tiles; images whose mask cannot be read any more; and what became of them, a sentence each.
    """
    good = find_good(tuple(sorted({sample.label for sample in samples}))) or "good"
    tiles: list[Sample] = []
    broken: list[Broken] = []
    cut_one = partial(_cut_or_say, root, side=side, good=good)
    for cut in told_in_threads(cut_one, samples, progress, "cutting tiles"):
        if isinstance(cut, Broken):
            broken.append(cut)
        else:
            tiles += cut
    return tiles, broken, _told(samples, tiles, side, good)


def tile_corners(width: int, height: int, side: int) -> list[tuple[int, int, int, int]]:
    """Return (left, top, right, bottom) of the tiles of a picture, row by row."""
    side = min(side, width, height)

    def starts(length: int) -> list[int]:
        count = 1 + math.ceil((length - side) / (side * (1 - OVERLAP)))
        return [round(start) for start in np.linspace(0, length - side, count)]

    return [(left, top, left + side, top + side) for top in starts(height) for left in starts(width)]


def cut_image(root: Path, sample: Sample, side: int, good: str) -> list[Sample]:
    """Return the tiles of an image with their classes and marks.

    A tile has the class of the defect of which it shows most. One that shows only a sliver has none. One that shows
    nothing is good where the labels say where all defects of its image are, else of its image's class.

    Raises:
        ImageBrokenError: the image or a mask cannot be read (any more).
    """
    corners = tile_corners(sample.width, sample.height, side)
    if len(corners) == 1:
        return [sample]
    patches = [patch for mark in sample.marks if (patch := _patch(root, sample, mark)) is not None]
    tiles = []
    for left, top, right, bottom in corners:
        tile = Tile(left, top, right, bottom, sample.width, sample.height, sample.sha256)
        pixels = read_part(root / sample.path, (left, top, right, bottom), bits=16 if _deep(sample) else 8)
        marks, label, source = _content(sample, patches, tile, good)
        tiles.append(
            replace(
                sample,
                file=f"{sample.file} [{left}, {top}]",
                label=label,
                marks=marks,
                label_source=source,
                width=right - left,
                height=bottom - top,
                sha256=content_sha256(pixels),
                tile=tile,
            )
        )
    return tiles


def _cut_or_say(root: Path, sample: Sample, side: int, good: str) -> list[Sample] | Broken:
    try:
        return cut_image(root, sample, side, good)
    except ImageBrokenError as error:
        return Broken(sample.file, error.reason)


def _deep(sample: Sample) -> bool:
    return sample.format.mode == "I;16"


def _content(sample: Sample, patches: list[CoveredPixels], tile: Tile, good: str) -> tuple[tuple[Mark, ...], str, str]:
    """Return a tile's marks, its class (empty: none) and where that comes from."""
    marks, seen = [], Counter[str]()
    for patch in patches:
        mask = patch.within(tile)
        if not (area := int(np.count_nonzero(mask))):
            continue
        regions = (replace(as_runs(mask), file=sample.mask or ""),) if patch.mark.regions else ()
        marks.append(Mark(patch.mark.label, _moved(patch.mark, tile), regions))
        if area >= SHOWN * patch.area or _reach(mask) >= LONG * len(mask):
            seen[patch.mark.label or sample.label] += area
    label, source = sample.label, sample.label_source
    if label and seen:
        label = seen.most_common(1)[0][0]
    elif label and marks:
        label, source = "", EDGE
    elif label and sample.marks:
        label, source = (good, source) if len(patches) == len(sample.marks) else ("", NOWHERE)
    return tuple(marks), label, source


def _reach(mask: Bools) -> int:
    """Return the longer side of the box around what is marked."""
    return max(int(np.ptp(np.flatnonzero(mask.any(axis)))) + 1 for axis in (0, 1))


def _moved(mark: Mark, tile: Tile) -> tuple[float, float, float, float] | None:
    """Return a mark's box in the tile's pixels, cut to it; None where it has none there."""
    if mark.corners is None:
        return None
    left, top = max(mark.corners[0], tile.left), max(mark.corners[1], tile.top)
    right, bottom = min(mark.corners[2], tile.right), min(mark.corners[3], tile.bottom)
    if left >= right or top >= bottom:
        return None
    return left - tile.left, top - tile.top, right - tile.left, bottom - tile.top


def _patch(root: Path, sample: Sample, mark: Mark) -> CoveredPixels | None:
    """Return the pixels that a mark covers: its regions, else its box; None where it does not say where it is."""
    left, top, right, bottom = 0, 0, sample.width, sample.height
    polygons = [region for region in mark.regions if isinstance(region, Polygon)]
    if polygons and len(polygons) == len(mark.regions):  # drawn where they are, not over the whole picture
        points = np.concatenate([np.reshape(ring, (-1, 2)) for region in polygons for ring in region.rings])
        (left, top), (right, bottom) = np.floor(points.min(0)).astype(int), np.ceil(points.max(0)).astype(int)
    elif mark.corners and not mark.regions:
        left, top, right, bottom = (round(corner) for corner in mark.corners)
    left, top, right, bottom = max(left, 0), max(top, 0), min(right, sample.width), min(bottom, sample.height)
    if left >= right or top >= bottom or not (mark.regions or mark.corners):
        return None
    mask = np.full((bottom - top, right - left), not mark.regions)
    for region in mark.regions:
        if isinstance(region, Polygon) and polygons and len(polygons) == len(mark.regions):
            rings = [(np.reshape(ring, (-1, 2)) - (left, top)).ravel().tolist() for ring in region.rings]
            mask |= fill_polygon(rings, bottom - top, right - left)
        else:
            mask |= draw_region(region, sample.height, sample.width, root)
    area = int(np.count_nonzero(mask))
    return CoveredPixels(mark, int(left), int(top), mask, area) if area else None


def _told(samples: Sequence[Sample], tiles: Sequence[Sample], side: int, good: str) -> list[str]:
    """Say what became of the images."""
    whole = sum(tile.tile is None for tile in tiles)
    cut = len({tile.path for tile in tiles if tile.tile is not None})
    edges = sum(tile.label_source == EDGE for tile in tiles)
    notes = [
        f"{cut:,} images were cut into {len(tiles) - whole:,} overlapping tiles of {side} pixels (--tiles)."
        + (f" {whole:,} are no larger and stay whole." if whole else "")
        + (f" {edges:,} tiles show only the edge of a defect: they are not labelled, and not used." if edges else "")
    ]
    small = sum(tile.tile is not None and tile.width < side for tile in tiles)
    if small:
        notes.append(f"{small:,} tiles are smaller than {side} pixels: their images are not so high or not so wide.")
    blind = sum(sample.label not in ("", good) and not sample.marks for sample in samples)
    if blind:
        notes.append(
            f"The labels of {blind:,} images do not say where their defects are: each tile has the class of its image, "
            f"also where it shows no defect. Masks or boxes would tell."
        )
    return notes
