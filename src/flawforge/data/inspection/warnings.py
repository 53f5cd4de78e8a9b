"""Remarks: what an expert would point out about a dataset before anything is trained on it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import PurePosixPath

import numpy as np

from flawforge.core.images import Pixels
from flawforge.data.dataset import Dataset
from flawforge.data.sample import Sample

FEW = 20  # images of a class below which a remark is made: a judgement, twice the 10 shots of the few-shot literature
ALIKE = 0.9  # share of a class's names, and of a picture's pixels, from which it is taken for masks: a judgement


def remarks(dataset: Dataset) -> tuple[str, ...]:
    """Return the remarks on a dataset, a sentence or two each, the gravest first; none that does not apply."""
    found = [remark(dataset) for remark in REMARKS]
    return (*[text for text in found if text], *dataset.notes)


def _two_classes(dataset: Dataset) -> str:
    label = {sample.file: sample.label for sample in dataset.samples}
    torn = [files for files in dataset.duplicates if len({label[file] for file in files}) > 1]
    if not torn:
        return ""
    return f"{_n(len(torn), 'picture')} in more than one class, as {' and '.join(torn[0])}: one label must be wrong."


def _masks(dataset: Dataset) -> str:
    owners: dict[str, set[str]] = {}
    for sample in dataset.samples:
        owners.setdefault(_stem(sample), set()).add(sample.label)
    told = []
    for label, count in dataset.counts.items():
        rows = [row for row, sample in enumerate(dataset.samples) if sample.label == label]
        shared = [row for row in rows if len(owners[_stem(dataset.samples[row])]) > 1]
        if len(shared) < ALIKE * count or not all(_two_values(dataset.read(row)) for row in shared[:3]):
            continue
        others = Counter(other for row in shared for other in owners[_stem(dataset.samples[row])] - {label})
        owner = min(others, key=lambda other: (-others[other], other))
        first = next(row for row, sample in enumerate(dataset.samples) if sample.label == owner)
        if not _two_values(dataset.read(first)):  # else all are pictures of black and white
            told.append(
                f"The images of {label} look like masks (two values, and the names of those of {owner}), but are read "
                f"as a class. Move them to a folder masks below {owner}."
            )
    return " ".join(told)


def _stem(sample: Sample) -> str:
    return PurePosixPath(sample.file).stem.removesuffix("_mask")


def _two_values(pixels: Pixels) -> bool:
    """Whether two values take up nearly all pixels, as in a mask, also one that JPEG has blurred at its edges."""
    _, counts = np.unique(pixels, return_counts=True)
    return bool(np.sort(counts)[-2:].sum() >= ALIKE * pixels.size)


def _other_boxes(dataset: Dataset) -> str:
    boxes = [sum(box.label != sample.label for box in sample.boxes) for sample in dataset.samples]
    images = sum(count > 0 for count in boxes)
    if not images:
        return ""
    rule = "the one that its file name says, else that of most of its boxes"
    if dataset.layout != "voc":
        rule = "that of its folder"
    count = f"{sum(boxes)} box{'es' if sum(boxes) != 1 else ''}"
    return f"{_n(images, 'image')} marked with boxes of another class ({count}). An image's class is {rule}."


def _few(dataset: Dataset) -> str:
    small = [f"{label} {count}" for label, count in dataset.counts.items() if count < FEW]
    if not small:
        return ""
    return (
        f"Few images: {', '.join(small)}. From fewer than {FEW} a generator tends to copy; read the audit with care, "
        f"or photograph more."
    )


def _names(dataset: Dataset) -> str:
    if dataset.layout != "flat":
        return ""
    stems = [PurePosixPath(sample.file).stem for sample in dataset.samples]
    matches = [re.fullmatch(r"(.*?[^\d_-])[_-]\d+", stem) for stem in stems]
    named = Counter(match[1] for match in matches if match)
    if not 1 < len(named) <= 50 or named.total() < len(dataset) or min(named.values()) < 3:
        return ""
    first = ", ".join(sorted(named)[:3]) + (", ..." if len(named) > 3 else "")
    return (
        f"The file names look like {len(named)} classes ({first}), but all images lie in one folder and so are one "
        f"class. To keep them apart, put each class into a folder of its own."
    )


def _gray(dataset: Dataset) -> str:
    gray = [sample for sample in dataset.samples if sample.gray]
    if len(gray) < len(dataset):
        coloured = len(dataset) - len(gray)
        if not gray:
            return ""
        return (
            f"{_n(coloured, 'image')} in colour and {len(gray)} gray: all are treated as colour (3 channels). If "
            f"colour says nothing here, convert them to gray."
        )
    stored = sum(sample.format.mode == "RGB" for sample in gray)
    if not stored:
        return ""
    return (
        f"{_n(stored, 'image')} stored in colour but gray in every pixel: they are learned as gray (1 channel) and "
        f"generated ones are stored as the originals are."
    )


def _depth(dataset: Dataset) -> str:
    deep = sum(sample.format.mode == "I;16" for sample in dataset.samples)
    if not deep:
        return ""
    white = f"white is taken as {dataset.deep_white}, the smallest of 10, 12, 14 and 16 bits that holds every pixel"
    if deep == len(dataset):
        return f"The images have 16 bits: {white}."
    return (
        f"{_n(deep, 'image')} of 16 bits, {len(dataset) - deep} of 8 bits; all are scaled to {dataset.bits}: {white}."
    )


def _sizes(dataset: Dataset) -> str:
    widths, heights = [s.width for s in dataset.samples], [s.height for s in dataset.samples]
    if len(set(zip(widths, heights, strict=True))) == 1:
        return ""
    return (
        f"Sizes differ: {min(widths)} to {max(widths)} wide, {min(heights)} to {max(heights)} high. Training brings "
        f"all to one size without keeping proportions."
    )


def _jpeg(dataset: Dataset) -> str:
    count = sum(sample.encoding == "JPEG" for sample in dataset.samples)
    return f"{_n(count, 'image')} JPEG: compression noise is part of what the generator learns." if count else ""


def _clear(dataset: Dataset) -> str:
    count = _count(dataset, lambda sample: sample.mode in ("LA", "PA", "RGBA", "RGBa"))
    return f"{_n(count, 'image')} stored with transparency: transparent is read as black." if count else ""


def _pages(dataset: Dataset) -> str:
    count = _count(dataset, lambda sample: sample.pages > 1)
    return f"{_n(count, 'file')} made of several pages or frames: the first one is read." if count else ""


def _count(dataset: Dataset, holds: Callable[[Sample], bool]) -> int:
    return sum(holds(sample) for sample in dataset.samples)


def _n(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s are' if count != 1 else ' is'}"


REMARKS = (_two_classes, _masks, _other_boxes, _few, _names, _gray, _depth, _sizes, _jpeg, _clear, _pages)
