"""A contact sheet: a few images of each class in one picture, for people who would rather look than read."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from flawforge.core.images import Pixels, grid, in_channels, to_pixels, to_unit, within_square
from flawforge.data.dataset import Dataset

LINE = 22  # height of a class's name in pixels
GAP = 4


def contact_sheet(dataset: Dataset, *, columns: int = 8, cell: int = 128) -> Pixels:
    """Return a picture with one row a class: its name and number of images, and `columns` images spread over the class.

    Args:
        dataset: what to show.
        columns: images a class.
        cell: side of the square, in pixels, that each image is fitted into; its proportions are kept.

    Returns:
        uint8, (H, W) for gray datasets and (H, W, 3) for coloured ones.
    """
    rows = []
    for code, label in enumerate(dataset.classes):
        members = np.flatnonzero(dataset.labels == code)
        cells = [_fit(dataset, int(members[i]), cell) for i in spread_over(len(members), columns)]
        cells += [np.full_like(cells[0], 255)] * (columns - len(cells))
        row = grid(cells, columns, gap=GAP)
        rows += [_title(f"{label}  ({dataset.counts[label]})", row.shape), row]
    return np.concatenate(rows).astype(np.uint8)


def spread_over(count: int, wanted: int) -> list[int]:
    """Return at most so many indices, spread evenly over 0 to `count` - 1."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(wanted, count))})


def _fit(dataset: Dataset, index: int, cell: int) -> Pixels:
    """Return one image in a white square, 8 bits, in the dataset's number of channels."""
    image = dataset.read(index)
    if dataset.bits == 16:
        image = to_pixels(to_unit(image, dataset.white))
    image = within_square(in_channels(image, dataset.channels), cell)
    square = np.full((cell, cell, *image.shape[2:]), 255, dtype=np.uint8)
    top, left = ((cell - side) // 2 for side in image.shape[:2])
    square[top : top + image.shape[0], left : left + image.shape[1]] = image
    return square


def _title(text: str, shape: tuple[int, ...]) -> Pixels:
    """Return a white strip as wide as a row, with black text."""
    strip = Image.new("L" if len(shape) == 2 else "RGB", (shape[1], LINE), "white")
    ImageDraw.Draw(strip).text((2, 4), text, fill="black", font=ImageFont.load_default(14))
    return np.asarray(strip, dtype=np.uint8)
