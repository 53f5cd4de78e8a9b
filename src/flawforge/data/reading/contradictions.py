"""Boxes and areas that contradict the masks beside them, worked out for many annotations at a time."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from flawforge.core.arrays import Floats, Ints
from flawforge.data.regions import Polygon, Region, RunLengths

NEAR = 1.5  # pixels between a box and its mask that a tool's rounding explains
SHARE = 0.1  # of an area that the ways of counting the pixels of an outline explain, besides those along it
BATCH = 1 << 20  # numbers that are worked out at a time
BOXES = "boxes that differ from the mask beside them; both were read as they are"
AREAS = "areas that differ from the mask beside them; the mask was followed"
Corners = tuple[float, float, float, float]


class Contradictions:
    """Annotations with a mask, given one by one; what differs is told, at the latest when `finish` is called."""

    def __init__(self, tell: Callable[[str, str], None]) -> None:
        """Remember whom to tell: it takes what is odd, and where."""
        self._tell = tell
        self._outlines = _Batch()
        self._lengths = _Batch()

    def add(self, regions: tuple[Region, ...], corners: Corners | None, area: object, where: str) -> None:
        """Take one annotation; regions are outlines, or run lengths that mark something."""
        batch = self._lengths if isinstance(regions[0], RunLengths) else self._outlines
        batch.first.append(len(batch.starts))
        for region in regions:
            batch.starts.append(len(batch.numbers))
            if isinstance(region, RunLengths):
                batch.numbers.fromlist(list(region.counts))  # twice as fast as from a tuple
                batch.heights.append(region.height)
            elif isinstance(region, Polygon):
                batch.numbers.fromlist(list(region.rings[0]))
        declared = area if isinstance(area, int | float) and 0 < area < 1e12 else np.nan
        batch.said.append((*(corners or (np.nan,) * 4), declared))
        batch.where.append(where)
        if len(batch.numbers) > BATCH:
            self.finish()

    def finish(self) -> None:
        """Tell what differs in the annotations since the last call."""
        for batch, extents in ((self._outlines, _outlined), (self._lengths, _run_through)):
            if batch.where:
                self._compare(batch, *extents(batch))
        self._outlines, self._lengths = _Batch(), _Batch()

    def _compare(self, batch: _Batch, extents: Floats, covered: Floats) -> None:
        low = np.minimum.reduceat(extents[:, :2], batch.first)
        high = np.maximum.reduceat(extents[:, 2:], batch.first)
        found = np.concatenate([low, high], axis=1)
        covered = np.add.reduceat(covered, batch.first)
        said = np.array(batch.said, dtype=np.float64)
        around = 2 * (high - low).sum(axis=1)
        for index in np.flatnonzero((np.abs(said[:, :4] - found) > NEAR).any(axis=1)):
            box, mask = (", ".join(f"{value:g}" for value in corners[index]) for corners in (said[:, :4], found))
            self._tell(BOXES, f"{batch.where[index]}: box {box}; mask {mask}")
        for index in np.flatnonzero(np.abs(said[:, 4] - covered) > SHARE * covered + around):
            self._tell(AREAS, f"{batch.where[index]}: area {said[index, 4]:g}, mask {covered[index]:g}")


@dataclass
class _Batch:
    """Annotations in one row of numbers.

    Attributes:
        numbers: coordinates or run lengths of all parts, one after another.
        starts: where each part begins in `numbers`.
        heights: of the masks, for run lengths.
        first: the first part of each annotation.
        said: box (nan: none) and area (nan: none) of each annotation.
        where: its name.
    """

    numbers: array[float] = field(default_factory=lambda: array("d"))
    starts: list[int] = field(default_factory=list)
    heights: list[int] = field(default_factory=list)
    first: list[int] = field(default_factory=list)
    said: list[tuple[float, ...]] = field(default_factory=list)
    where: list[str] = field(default_factory=list)


def _outlined(batch: _Batch) -> tuple[Floats, Floats]:
    """Return the box around each outline, and what it encloses (overlaps count twice)."""
    points = np.array(batch.numbers).reshape(-1, 2)
    starts = np.array(batch.starts) // 2
    following = np.arange(1, len(points) + 1)
    following[np.append(starts[1:], len(points)) - 1] = starts
    crossed = points[:, 0] * points[following, 1] - points[following, 0] * points[:, 1]
    extents = np.concatenate([np.minimum.reduceat(points, starts), np.maximum.reduceat(points, starts)], axis=1)
    return extents, np.abs(np.add.reduceat(crossed, starts)) / 2


def _run_through(batch: _Batch) -> tuple[Floats, Floats]:
    """Return the box around what each mask's run lengths mark, and its pixels."""
    counts: Ints = np.array(batch.numbers).astype(np.int64)
    starts = np.array(batch.starts)
    mask = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(counts))))
    ends = np.cumsum(counts)
    ends -= (ends[starts] - counts[starts])[mask]
    marked = ((np.arange(len(counts)) - starts[mask]) % 2 == 1) & (counts > 0)
    counts, last, mask = counts[marked], ends[marked] - 1, mask[marked]
    height = np.array(batch.heights)[mask]
    columns, rows = np.divmod([last - counts + 1, last], height)
    whole = columns[0] != columns[1]  # a run over two columns reaches the bottom and the top
    first = np.searchsorted(mask, np.arange(len(starts)))
    low = [np.minimum.reduceat(values, first) for values in (columns[0], np.where(whole, 0, rows[0]))]
    high = [np.maximum.reduceat(values, first) + 1 for values in (columns[1], np.where(whole, height - 1, rows[1]))]
    return np.stack([*low, *high], axis=1).astype(np.float64), np.add.reduceat(counts, first).astype(np.float64)
