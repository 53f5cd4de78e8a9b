"""Previews over time: the same latents at several moments of the training."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import numpy as np
from PIL import Image

from flawforge.reports.pictures import Picture, embed, read_picture, shrink
from flawforge.reports.words import length
from flawforge.runs.folder import Run

MOMENTS = 8
LATENTS = 8
GAP = 2  # pixels between the cells of a preview grid, as core.images.grid lays it
LONGEST = 160  # pixels of a cell's longest side that the page keeps
WHOLE = 900  # likewise of a whole grid, where its cells cannot be told apart
BUDGET = 1_400_000
NAME = re.compile(r"kimg_(\d+(?:\.\d+)?)\.png")
T = TypeVar("T")


@dataclass(frozen=True)
class Film:
    """Rows of (label, pictures of the same latents), first moment first, the row ``real`` of real images last.

    `moments` is the number of previews that the run has, `latents` that of the columns.
    """

    rows: list[tuple[str, list[Picture]]]
    moments: int
    latents: int


def film(run: Run, resolution: tuple[int, int] | None, white: int) -> Film | None:
    """Make the film, or return None when the run has no readable preview.

    Args:
        run: the run.
        resolution: (height, width) of a cell; None when unknown: then whole grids are shown.
        white: pixel value of white in 16-bit previews.
    """
    matches = [(NAME.fullmatch(path.name), path.name) for path in run.previews.glob("*.png")]
    found = sorted((float(match[1]), name) for match, name in matches if match)
    read = [(length(kimg), read_picture(run.previews, name, white)) for kimg, name in _evenly(found, MOMENTS)]
    sheets = [(label, image) for label, image in read if image is not None]
    if not sheets:
        return None
    chosen = _latents([_cells(image, resolution) for _, image in sheets])
    real = read_picture(run.previews, "real.png", white)
    if real is not None and real.size == sheets[0][1].size:
        sheets.append(("real", real))
    longest = LONGEST if len(chosen) > 1 else WHOLE
    cells = [_cells(image, resolution) for _, image in sheets]
    kept = [[sheet[i] for i in chosen if i < len(sheet)] for sheet in cells]
    pictures, _ = embed([shrink(cell, longest / max(cell.size)) for sheet in kept for cell in sheet], BUDGET)
    left = iter(pictures)
    rows = [(label, list(islice(left, len(sheet)))) for (label, _), sheet in zip(sheets, kept, strict=True)]
    return Film(rows, len(found), len(chosen))


def _evenly(items: Sequence[T], most: int) -> list[T]:
    """Return at most `most` of some items, the first and the last among them."""
    return [items[i] for i in np.linspace(0, len(items) - 1, min(len(items), most)).round().astype(int)]


def _cells(image: Image.Image, resolution: tuple[int, int] | None) -> list[Image.Image]:
    """Cut a grid into its cells; a picture that is no such grid is one cell."""
    if resolution is None:
        return [image]
    height, width = resolution
    if (image.width + GAP) % (width + GAP) or (image.height + GAP) % (height + GAP):
        return [image]
    return [
        image.crop((left, top, left + width, top + height))
        for top in range(0, image.height, height + GAP)
        for left in range(0, image.width, width + GAP)
    ]


def _latents(moments: list[list[Image.Image]]) -> list[int]:
    """Choose at most 8 cells, evenly spaced, passing over those that are empty (one colour) at every moment."""
    cells = range(min(len(cells) for cells in moments))
    used = [i for i in cells if any(np.ptp(np.asarray(sheet[i].convert("L"))) for sheet in moments)]
    return _evenly(used or [0], LATENTS)
