"""An entry and its file become a sample: the image is decoded once, and its marks are brought into its pixels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from flawforge.core.arrays import Bools
from flawforge.core.errors import ImageBrokenError
from flawforge.core.percent import percent
from flawforge.data.decode import Seen, examine
from flawforge.data.mask_pixels import mask_size
from flawforge.data.regions import (
    MaskImage,
    Polygon,
    Region,
    RunLengths,
    as_runs,
    draw_region,
    expand_runs,
    settle_mask,
)
from flawforge.data.sample import OUTSIDE, Broken, Entry, ImageFacts, Mark, Remark, Sample

MOST = 0.5  # share of the picture from which on a mask is named as one that may be inverted: a defect is small
UNLIKE = 0.02  # share by which the proportions of a mask and its image may differ: sizes are rounded
QUARTER_TURNS = (5, 6, 7, 8)  # EXIF orientations that swap width and height
Frame = tuple[float, float]


def examine_entry(
    root: Path, entry: Entry, known: ImageFacts | None = None, seen: Seen | None = None
) -> tuple[Sample | Broken, list[Remark | Broken]]:
    """Return the sample, or why its image cannot be read; what was mended or passed over in its marks, and which of
    its masks cannot be read.

    Args:
        root: of the dataset.
        entry: as folder and labels list it.
        known: what the file is, where that was remembered; None: it is decoded.
        seen: as of `examine`.
    """
    try:
        facts = known or examine(root / entry.file, seen)
    except ImageBrokenError as error:
        return Broken(entry.file, error.reason), []
    remarks: list[Remark | Broken] = []
    turned = _is_stored_frame(entry, facts)
    shown = (float(facts.width), float(facts.height))
    frame = entry.frame or shown
    if turned:
        remarks.append(
            Remark("images whose marks were turned with them, as their camera's note (EXIF) says", entry.file)
        )
    target = shown[::-1] if turned else shown
    scale = (target[0] / frame[0], target[1] / frame[1])
    if frame != (1, 1) and scale != (1, 1):
        remarks.append(
            Remark(
                "images whose labels declare another size: their marks were scaled to the image",
                f"{entry.file}: {frame[0]:g}x{frame[1]:g} declared, {target[0]:g}x{target[1]:g} found",
            )
        )
    marks = []
    for mark in entry.marks:
        regions = [_placed(region, scale, facts, turned, root, entry, remarks) for region in mark.regions]
        kept = tuple(region for region in regions if region is not None)
        corners = _placed_box(mark.corners, scale, facts, turned, entry, remarks)
        if kept or corners or mark.label:
            marks.append(Mark(mark.label, corners, kept))
    masks = [region for mark in entry.marks for region in mark.regions if isinstance(region, MaskImage)]
    black = bool(masks) and not marks and not any(isinstance(remark, Broken) for remark in remarks)
    values = {**vars(entry), "marks": tuple(marks), "frame": None, "nothing_marked": entry.nothing_marked or black}
    return Sample(**values, **vars(facts)), remarks


def _is_stored_frame(entry: Entry, facts: ImageFacts) -> bool:
    """Whether the marks are given in the picture as it is stored, before the camera's rotation note is obeyed."""
    if facts.turned not in QUARTER_TURNS or entry.frame in (None, (1, 1)) or facts.width == facts.height:
        return False
    assert entry.frame is not None
    return (entry.frame[0] > entry.frame[1]) != (facts.width > facts.height)


def turn(x: float, y: float, stored: Frame, note: int) -> Frame:
    """Return where a point of the stored picture of (width, height) lies in the shown one."""
    width, height = stored
    return {
        1: (x, y),
        2: (width - x, y),
        3: (width - x, height - y),
        4: (x, height - y),
        5: (y, x),
        6: (height - y, x),
        7: (height - y, width - x),
        8: (y, width - x),
    }[note]


def _placed_box(
    corners: tuple[float, float, float, float] | None,
    scale: Frame,
    facts: ImageFacts,
    turned: bool,
    entry: Entry,
    remarks: list[Remark | Broken],
) -> tuple[int, int, int, int] | None:
    """Return a box in whole pixels of the shown image, cut to it; None where it lies outside."""
    if corners is None:
        return None
    points = [(corners[0] * scale[0], corners[1] * scale[1]), (corners[2] * scale[0], corners[3] * scale[1])]
    if turned:
        points = [turn(x, y, (facts.height, facts.width), facts.turned) for x, y in points]
    (left, right), (top, bottom) = (sorted(round(value) for value in axis) for axis in zip(*points, strict=True))
    right, bottom = max(right, left + 1), max(bottom, top + 1)  # a box of less than a pixel is one
    if right <= 0 or bottom <= 0 or left >= facts.width or top >= facts.height:
        remarks.append(Remark(f"boxes {OUTSIDE}", entry.file))
        return None
    if min(left, top) < -1 or right > facts.width + 1 or bottom > facts.height + 1:
        remarks.append(Remark("boxes that reach beyond their image, which were cut to it", entry.file))
    return max(left, 0), max(top, 0), min(right, facts.width), min(bottom, facts.height)


def _placed(
    region: Region,
    scale: Frame,
    facts: ImageFacts,
    turned: bool,
    root: Path,
    entry: Entry,
    remarks: list[Remark | Broken],
) -> Region | None:
    """Return a region in the pixels of the shown image; None where it marks nothing or cannot be read."""
    if isinstance(region, MaskImage):
        return _settled(region, root, facts, entry, remarks)
    if isinstance(region, RunLengths):
        stored = (facts.width, facts.height) if turned else (facts.height, facts.width)
        if (region.height, region.width) != stored and not turned:
            remarks.append(Remark("masks of another size than their image, which were scaled to it", entry.file))
        if not turned:
            return region
        return as_runs(_turned(expand_runs(region), facts.turned))
    rings = []
    for ring in region.rings:
        points = np.asarray(ring, dtype=np.float64).reshape(-1, 2) * scale
        if turned:
            points = np.array([turn(x, y, (facts.height, facts.width), facts.turned) for x, y in points])
        rings.append(tuple(points.ravel().tolist()))
    corners = np.concatenate([np.reshape(ring, (-1, 2)) for ring in rings])
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    if right <= 0 or bottom <= 0 or left >= facts.width or top >= facts.height:
        remarks.append(Remark(f"outlines {OUTSIDE}", entry.file))
        return None
    if min(left, top) < -1 or right > facts.width + 1 or bottom > facts.height + 1:
        remarks.append(Remark("outlines that reach beyond their image, which were cut to it", entry.file))
    if min(right - left, bottom - top) < 1:
        remarks.append(Remark("outlines less than a pixel wide, which may cover none", entry.file))
    return Polygon(tuple(rings))


def _turned(pixels: Bools, note: int) -> Bools:
    """Return a mask of the stored picture as it lies on the shown one."""
    pixels = pixels.T if note in QUARTER_TURNS else pixels
    pixels = pixels[::-1] if note in (3, 4, 7, 8) else pixels
    return pixels[:, ::-1] if note in (2, 3, 6, 7) else pixels


def _settled(
    mask: MaskImage, root: Path, facts: ImageFacts, entry: Entry, remarks: list[Remark | Broken]
) -> MaskImage | RunLengths | None:
    """Return a mask image with its threshold; as run lengths where it is of the stored picture and that was turned."""
    try:
        settled, share = settle_mask(mask, root)
        width, height = mask_size(root / mask.file) if settled else (facts.width, facts.height)
    except ImageBrokenError as error:
        remarks.append(Broken(mask.file, error.reason))
        return None
    if share > MOST:
        remarks.append(
            Remark(
                "masks that mark most of their image. If they are black on the defect, turn them: --invert-masks",
                f"{mask.file}: {percent(share)}",
            )
        )
    sides = (width / facts.width, height / facts.height)
    if settled and min(sides) < (1 - UNLIKE) * max(sides):
        if facts.turned in QUARTER_TURNS and (width, height) == (facts.height, facts.width):
            remarks.append(
                Remark("masks that were turned with their image, as its camera's note (EXIF) says", mask.file)
            )
            runs = as_runs(_turned(draw_region(settled, height, width, root), facts.turned))
            return replace(runs, file=mask.file)
        sizes = f"{width}x{height} pixels, its image {entry.file} {facts.width}x{facts.height}"
        remarks.append(Broken(mask.file, f"is a mask that does not fit: it has {sizes}"))
        return None
    if sides != (1, 1):
        remarks.append(Remark("masks of another size than their image, which were scaled to it", mask.file))
    return settled
