"""Run lengths in a table, as the competitions of Kaggle have them: pairs of start and length, down the columns from 1.

Each row is a class of an image (``ImageId,ClassId,EncodedPixels``, or ``ImageId_ClassId,EncodedPixels``); an empty cell
says that the image has no such defect.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from flawforge.data.reading.file_tree import Tree
from flawforge.data.reading.labels import ImageLabels, LabelFormat, Labels
from flawforge.data.reading.pairing import ImageNames
from flawforge.data.reading.tables import CLASS_WORDS, RUN_WORDS, Table, named_image, read_tables
from flawforge.data.regions import LARGEST_MASK, RunLengths
from flawforge.data.sample import Mark, Remark

NOTHING = frozenset({"", "-1", "nan"})  # cells that say that there is no such defect
DEFECT = "defect"  # the class where no column names one


@dataclass
class _Rows:
    """The rows of an image: label, run lengths as text, and where they stand."""

    file: str
    rows: list[tuple[str, str, str]] = field(default_factory=list)


def runs(root: Path, tree: Tree) -> Labels | None:
    """Return what the tables of run lengths say, None where there are none."""
    names = ImageNames(tree.images)
    tables = [table for table in read_tables(root, tree, names) if table.column(RUN_WORDS) is not None]
    if not tables:
        return None
    labels = Labels()
    rows: dict[str, _Rows] = {}
    for table in tables:
        _sort_in(table, names, rows, labels)
    labels.images = {image: _image_labels(root, image, found, labels) for image, found in rows.items()}
    if all(pixels not in NOTHING for found in rows.values() for _, pixels, _ in found.rows):
        beside = {str(PurePosixPath(image).parent) for image in rows}  # no row says "nothing": good parts have none
        for image in tree.images:
            if str(PurePosixPath(image).parent) in beside:
                labels.images.setdefault(image, ImageLabels())
    return labels


def _sort_in(table: Table, names: ImageNames, rows: dict[str, _Rows], labels: Labels) -> None:
    encoded, classes = table.column(RUN_WORDS), table.column(CLASS_WORDS)
    assert encoded is not None
    for line, cells in table.rows:
        where = f"{table.file}, line {line}"
        if len(cells) <= max(encoded, table.image, classes or 0):
            labels.remarks.append(Remark("rows with fewer cells than columns, which were left out", where))
            continue
        found, label = named_image(cells[table.image], table.file, names)
        if len(found) != 1:
            what = "that are not in the folder" if not found else "whose names fit several of the folder"
            labels.remarks.append(Remark(f"rows of images {what}, which were left out", where))
            continue
        label = label or (DEFECT if classes is None else cells[classes])
        rows.setdefault(found[0], _Rows(table.file)).rows.append((label, cells[encoded].lower(), where))


def _image_labels(root: Path, image: str, found: _Rows, labels: Labels) -> ImageLabels:
    marking = [row for row in found.rows if row[1] not in NOTHING]
    if not marking:
        return ImageLabels(found.file)
    try:
        width, height = _size(root / image)
    except ValueError:
        return ImageLabels(found.file, unreadable="cannot be placed in an image whose size is not known")
    regions: dict[str, list[RunLengths]] = defaultdict(list)
    for label, pixels, where in marking:
        if not label:
            labels.remarks.append(Remark("rows without a class, which were left out", where))
            continue
        try:
            regions[label].append(numbered_runs(pixels, height, width))
        except ValueError as error:
            what = "run lengths that cannot be read: only their class was taken"
            labels.remarks.append(Remark(what, f"{where}: {error}"))
            regions.setdefault(label, [])
    if not regions:
        return ImageLabels(found.file, unreadable="gives it run lengths without a class")
    marks = tuple(Mark(label, None, tuple(drawn)) for label, drawn in regions.items())
    return ImageLabels(found.file, marks, (width, height))


def numbered_runs(text: str, height: int, width: int) -> RunLengths:
    """Return run lengths of pairs of start and length, where pixels are numbered from 1 down the columns.

    Raises:
        ValueError: they are none that fit the picture.
    """
    try:
        numbers = [int(word) for word in text.split()]
    except ValueError:
        raise ValueError("they are not whole numbers") from None
    if len(numbers) % 2 or not numbers:
        raise ValueError("a start has no length")
    if not all(0 <= value <= LARGEST_MASK for value in numbers):
        raise ValueError("a number is that of no pixel")
    pairs = np.array(numbers).reshape(-1, 2)
    pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]
    starts, ends = pairs[:, 0] - 1, pairs.sum(axis=1) - 1
    if starts[0] < 0 or pairs[:, 1].min() < 1 or ends[-1] > height * width:
        raise ValueError(f"they leave the picture of {width} x {height} pixels")
    if (starts[1:] < ends[:-1]).any():
        raise ValueError("they overlap")
    borders = np.concatenate([[0], np.stack([starts, ends], axis=1).ravel(), [height * width]])
    return RunLengths(tuple(np.diff(borders).tolist()), height, width)


def _size(path: Path) -> tuple[int, int]:
    """Return width and height of an image as it is stored, from its first bytes.

    Raises:
        ValueError: it cannot be read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as file:
                width, height = file.size
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(str(error)) from None
    if width * height > LARGEST_MASK:
        raise ValueError("it is too large")
    return width, height


RUNS = LabelFormat(
    "runs",
    "run lengths in a table",
    "a CSV file with columns `ImageId`, `ClassId` and `EncodedPixels` (or `ImageId_ClassId`), as Kaggle has them; an "
    "image whose cells are empty is `good`, and where no cell is, so is one without a row in a folder with others",
    "that of most of its rows",
    "good",
    runs,
)
