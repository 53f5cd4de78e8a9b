"""A sheet of the images that a model is least sure of, to look at by eye."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from flawforge.core.arrays import Bytes
from flawforge.core.images import Pixels, grid, in_channels, to_pixels, to_unit, within_square
from flawforge.data.dataset import Dataset
from flawforge.runs.detection.predictions import PredictedImage, PredictionRecord

COLUMNS, CELL, GAP = 6, 176, 10
LINE = 15  # height of a line of text
RIGHT, WRONG, QUIET = "#1a7f37", "#c62828", "#5f6368"


def doubt_sheet(record: PredictionRecord, dataset: Dataset, rows: list[int], pictures: int) -> Bytes:
    """Return a picture of the images that the model doubts most, the most doubtful first.

    Below each stand its class with the probability, the class that comes second, its true class where that is known,
    red where the model is wrong, and its file.

    Args:
        record: what the model said.
        dataset: the images.
        rows: index in the dataset of each image of the record.
        pictures: how many at most.

    Returns:
        uint8 (H, W, 3).

    Raises:
        ImageBrokenError: an image cannot be read any more.
    """
    index = {image.file: row for image, row in zip(record.images, rows, strict=True)}
    shown = record.by_doubt[:pictures]
    cells: list[Pixels] = [_cell(record, image, dataset.read(index[image.file]), dataset) for image in shown]
    width = COLUMNS * (CELL + GAP) - GAP
    title = f"The {len(shown)} most doubtful of {len(record.images)} images, most doubtful first"
    if len(shown) == len(record.images):
        title = f"All {len(shown)} images, most doubtful first"
    legend = "Below each: class and its probability; second class; file."
    if record.evaluation is not None:
        legend = "Below each: class and its probability (red: wrong); second class, and the true one; file."
    sheet = np.concatenate([_heading(title, legend, width), grid(cells, COLUMNS, gap=GAP).astype(np.uint8)])
    return np.pad(sheet, ((GAP, GAP), (GAP, GAP), (0, 0)), constant_values=255)


def _cell(record: PredictionRecord, image: PredictedImage, pixels: Pixels, dataset: Dataset) -> Bytes:
    """Return one image in a square, with three lines of text below it."""
    if pixels.dtype == np.uint16:
        pixels = to_pixels(to_unit(pixels, dataset.white))
    shown = Image.fromarray(within_square(in_channels(pixels, 3), CELL).astype(np.uint8))
    square = Image.new("RGB", (CELL, CELL + 3 * LINE + 4), "white")
    square.paste(Image.new("RGB", (CELL, CELL), "#eef0f2"), (0, 0))
    square.paste(shown, ((CELL - shown.width) // 2, (CELL - shown.height) // 2))
    pen, bold, plain = ImageDraw.Draw(square), ImageFont.load_default(13), ImageFont.load_default(11)
    order = np.argsort(-np.array(image.probabilities), kind="stable")
    chosen = record.classes.index(image.predicted)
    second = next(int(code) for code in order if code != chosen)
    ink = QUIET if image.label is None else RIGHT if image.label == image.predicted else WRONG
    first = _percent(image.probabilities[chosen])
    _write(pen, f"{image.predicted}", first, CELL + 2, ink if image.label is not None else "black", bold)
    if image.label is not None and image.label != image.predicted:
        _write(
            pen,
            f"true: {image.label}",
            _percent(image.probabilities[record.classes.index(image.label)]),
            CELL + 2 + LINE,
            WRONG,
            plain,
        )
    else:
        _write(
            pen, f"or {record.classes[second]}", _percent(image.probabilities[second]), CELL + 2 + LINE, QUIET, plain
        )
    _write(pen, image.file, "", CELL + 2 + 2 * LINE, QUIET, plain, keep_end=True)
    return np.asarray(square)


def _write(
    pen: ImageDraw.ImageDraw, text: str, right: str, top: int, ink: str, font: Any, keep_end: bool = False
) -> None:
    """Write a text, cut to the cell, and another one at the right edge."""
    room = CELL - (float(font.getlength(right)) + 6 if right else 0)
    cut = text
    while float(font.getlength(cut)) > room and len(text) > 2:
        text = text[1:] if keep_end else text[:-1]
        cut = f"…{text}" if keep_end else f"{text}…"
    pen.text((0, top), cut, fill=ink, font=font)
    if right:
        pen.text((CELL - float(font.getlength(right)), top), right, fill=ink, font=font)


def _heading(title: str, legend: str, width: int) -> Bytes:
    strip = Image.new("RGB", (width, 48), "white")
    pen = ImageDraw.Draw(strip)
    pen.text((0, 0), title, fill="black", font=ImageFont.load_default(17))
    pen.text((0, 24), legend, fill=QUIET, font=ImageFont.load_default(12))
    return np.asarray(strip)


def _percent(share: float) -> str:
    """Return ``87%``; never 0% or 100%, since no model is certain."""
    return ">99%" if share >= 0.995 else "<1%" if share < 0.005 else f"{100 * share:.0f}%"
