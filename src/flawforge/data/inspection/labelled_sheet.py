"""A sheet of images with what their labels mark drawn over them, to check the reading by eye."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from flawforge.core.arrays import Bools, Bytes
from flawforge.core.images import Pixels, grid, in_channels, to_pixels, to_unit, within_square
from flawforge.data.dataset import Dataset
from flawforge.data.good_names import find_good
from flawforge.data.inspection.contact_sheet import GAP, LINE, spread_over
from flawforge.data.sample import Mark, Sample

GOOD_COLOUR = "#3cb44b"
COLOURS = ("#e6194b", "#4363d8", "#f58231", "#911eb4", "#00a0a8", "#d4a000", "#f032e6", "#806000", "#505050")
TINT = 0.4  # of the colour over what a mask marks
CAPTION = 15  # height in pixels of the line below an image
NOT_LABELLED = "(not labelled)"


def labelled_sheet(dataset: Dataset, *, columns: int = 5, cell: int = 224) -> Pixels:
    """Return a picture with a row for each class, and one for the images without a class.

    Masks are tinted and outlined, boxes drawn, each in the colour of its class and with its name; below each image
    stands its file, or why it has no class.

    Args:
        dataset: what to show.
        columns: images a row, spread over the class; those in which something is marked come first.
        cell: side of the square, in pixels, that each image is fitted into; its proportions are kept.

    Returns:
        uint8, (H, W, 3).

    Raises:
        ImageBrokenError: an image or a mask cannot be read (any more).
    """
    scale = (dataset.bits, dataset.deep_white)
    parts = {label: dataset.select([label]) for label in dataset.classes}
    if dataset.unlabelled:
        parts[NOT_LABELLED] = replace(dataset, samples=dataset.unlabelled, unlabelled=())
    colours = colours_of(dataset)
    width = columns * (cell + GAP) - GAP
    rows = [_legend(colours, width)]
    for label, part in parts.items():
        part = replace(part, scale=scale)
        order = sorted(range(len(part)), key=lambda index: not part.samples[index].marks)
        first = sum(bool(sample.marks) for sample in part.samples) or len(order)
        cells = [
            _cell(part, order[i], cell, colours) for i in spread_over(max(first, min(columns, len(order))), columns)
        ]
        cells += [np.full_like(cells[0], 255)] * (columns - len(cells))
        rows += [_line(f"{label}  ({len(part):,})", width, colours.get(label, "black")), grid(cells, columns, gap=GAP)]
    return np.concatenate(rows)


def colours_of(dataset: Dataset) -> dict[str, str]:
    """Return a colour, ``#rrggbb``, for each class and each name of a mark."""
    marked = {mark.label for sample in (*dataset.samples, *dataset.unlabelled) for mark in sample.marks}
    names, good = [*dataset.classes, *sorted(marked - {"", *dataset.classes})], find_good(dataset.classes)
    defects = [name for name in names if name != good]
    colours = {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(defects)}
    return {name: colours.get(name, GOOD_COLOUR) for name in names}


def marked_picture(part: Dataset, index: int, side: int, colours: Mapping[str, str]) -> Bytes:
    """Return (side, side, 3): one image with its marks, in the middle of a white square.

    Raises:
        ImageBrokenError: the image or a mask cannot be read (any more).
    """
    sample = part.samples[index]
    scale = side / max(sample.width, sample.height)
    image = part.read(index)
    if part.bits == 16:
        image = to_pixels(to_unit(image, part.white))
    shown = within_square(in_channels(image, 3), side).astype(np.uint8)
    height, width = shown.shape[:2]
    for mark in sample.marks:
        if mark.regions:
            alone = replace(part, samples=(replace(sample, marks=(mark,)),))
            shown = _tinted(shown, _reduced(alone.mask(0), height, width), _colour(mark, sample, colours))
    square = Image.new("RGB", (side, side), "white")
    left, top = (side - width) // 2, (side - height) // 2
    square.paste(Image.fromarray(shown), (left, top))
    pen = ImageDraw.Draw(square)
    for mark in sample.marks:
        if mark.corners is not None:
            corners = [corner * scale + (left, top)[place % 2] for place, corner in enumerate(mark.corners)]
            _draw_box(pen, corners, mark.label, _colour(mark, sample, colours), side)
    return np.asarray(square)


def _cell(part: Dataset, index: int, side: int, colours: Mapping[str, str]) -> Bytes:
    """Return one image with its marks in a white square, and a line of text below it."""
    sample, font = part.samples[index], ImageFont.load_default(11)
    square = Image.new("RGB", (side, side + CAPTION), "white")
    square.paste(Image.fromarray(marked_picture(part, index, side, colours)))
    text = sample.file if sample.label else f"{sample.file}: {sample.label_source}"
    while _length(font, text) > side and len(text) > 4:
        text = f"...{text[4:]}" if sample.label else f"{text[:-4]}..."
    ImageDraw.Draw(square).text((0, side + 1), text, fill="black", font=font)
    return np.asarray(square)


def _colour(mark: Mark, sample: Sample, colours: Mapping[str, str]) -> str:
    return colours.get(mark.label or sample.label, "#e6194b")


def _draw_box(pen: ImageDraw.ImageDraw, corners: list[float], label: str, colour: str, side: int) -> None:
    """Draw a box just outside of what it encloses, so that a small defect stays to be seen, and its name above it."""
    left, top, right, bottom = corners[0] - 2, corners[1] - 2, corners[2] + 1, corners[3] + 1
    pen.rectangle((left, top, max(right, left), max(bottom, top)), outline=colour, width=2)
    if label:
        font = ImageFont.load_default(11)
        above = top - 13 if top >= 13 else min(bottom + 1, side - 13)
        at = (max(0.0, min(left, side - _length(font, label))), max(0.0, above))
        pen.rectangle(pen.textbbox(at, label, font=font), fill="white")
        pen.text(at, label, fill=colour, font=font)


def _reduced(mask: Bools, height: int, width: int) -> Bools:
    """Return a mask at another size, a pixel marked where anything in it was, so that thin lines stay."""
    if mask.shape[0] < height or mask.shape[1] < width:
        return np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST), dtype=bool)
    rows, columns = (np.arange(new) * old // new for new, old in ((height, mask.shape[0]), (width, mask.shape[1])))
    return np.logical_or.reduceat(np.logical_or.reduceat(mask, rows, axis=0), columns, axis=1)


def _tinted(image: Bytes, mask: Bools, colour: str) -> Bytes:
    """Return an image with the mask in a tint, its border in the full colour."""
    ink = np.array(Image.new("RGB", (1, 1), colour).getpixel((0, 0)), dtype=np.float32)
    padded = np.pad(mask, 1)
    inside = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    out = image.astype(np.float32)
    out[mask] = (1 - TINT) * out[mask] + TINT * ink
    out[mask & ~inside] = ink
    return out.round().astype(np.uint8)


def _line(text: str, width: int, colour: str) -> Bytes:
    strip = Image.new("RGB", (width, LINE), "white")
    ImageDraw.Draw(strip).text((2, 3), text, fill=colour, font=ImageFont.load_default(14))
    return np.asarray(strip)


def _legend(colours: Mapping[str, str], width: int) -> Bytes:
    """Return a strip with each class's name beside its colour; it wraps."""
    font, places, x, y = ImageFont.load_default(13), [], 2, 0
    for name, colour in colours.items():
        needed = int(_length(font, name)) + 28
        if x > 2 and x + needed > width:
            x, y = 2, y + LINE
        places.append((x, y, name, colour))
        x += needed
    strip = Image.new("RGB", (width, y + LINE), "white")
    pen = ImageDraw.Draw(strip)
    for x, y, name, colour in places:
        pen.rectangle((x, y + 5, x + 11, y + 16), fill=colour)
        pen.text((x + 16, y + 4), name, fill="black", font=font)
    return np.asarray(strip)


def _length(font: Any, text: str) -> float:
    return float(font.getlength(text))
