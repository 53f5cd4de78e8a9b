"""Previews over time: the same latents at several moments of the training."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

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


@dataclass(frozen=True)
class Moment:
    """One row: when, and the pictures, the same latents in the same order in every row."""

    label: str
    pictures: tuple[Picture, ...]
    real: bool = False


@dataclass(frozen=True)
class Film:
    """The rows, first moment first, the real images last; `moments` is the number of previews that the run has."""

    rows: tuple[Moment, ...]
    moments: int
    latents: int
    lossless: bool


def film(run: Run, resolution: tuple[int, int] | None, white: int) -> Film | None:
    """Make the film, or return None when the run has no readable preview.

    Args:
        run: the run.
        resolution: (height, width) of a cell; None when unknown: then whole grids are shown.
        white: pixel value of white in 16-bit previews.
    """
    found = sorted(
        (float(match[1]), path) for path in run.previews.glob("*.png") if (match := NAME.fullmatch(path.name))
    )
    sheets: list[tuple[str, bool, Image.Image]] = []
    for kimg, path in _moments(found):
        image = read_picture(run.previews, path.name, white)
        if image is not None:
            sheets.append((length(kimg), False, image))
    if not sheets:
        return None
    real = read_picture(run.previews, "real.png", white)
    if real is not None and real.size == sheets[0][2].size:
        sheets.append(("real", True, real))
    cut = [_cells(image, resolution) for _, _, image in sheets]
    chosen = _latents([cells for cells, (_, is_real, _) in zip(cut, sheets, strict=True) if not is_real])
    images, shape = [], []
    for cells, (label, is_real, _) in zip(cut, sheets, strict=True):
        kept = [cells[i] for i in chosen if i < len(cells)]
        shape.append((label, is_real, len(kept)))
        for column, cell in enumerate(kept, start=1):
            alt = f"Real image {column}" if is_real else f"Latent {column} at {label}"
            images.append((shrink(cell, (LONGEST if len(chosen) > 1 else WHOLE) / max(cell.size)), alt))
    pictures, lossless = embed(images, BUDGET)
    rows, start = [], 0
    for label, is_real, size in shape:
        rows.append(Moment(label, tuple(pictures[start : start + size]), is_real))
        start += size
    return Film(tuple(rows), len(found), len(chosen), lossless)


def _moments(found: list[tuple[float, Path]]) -> list[tuple[float, Path]]:
    """Return at most 8, the first and the last among them."""
    kept = np.linspace(0, len(found) - 1, min(len(found), MOMENTS)).round().astype(int)
    return [found[i] for i in kept]


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
    cells = min(len(cells) for cells in moments)
    used = [i for i in range(cells) if any(_varies(sheet[i]) for sheet in moments)] or [0]
    kept = np.linspace(0, len(used) - 1, min(len(used), LATENTS)).round().astype(int)
    return [used[i] for i in kept]


def _varies(image: Image.Image) -> bool:
    extrema = np.asarray(image.convert("L"))
    return bool(extrema.min() != extrema.max())
