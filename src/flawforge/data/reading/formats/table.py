"""Plain tables beside images: a column of file names, and one of classes, or one for each class, and boxes if any."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

from flawforge.data.reading.contradictions import Corners
from flawforge.data.reading.file_tree import Tree
from flawforge.data.reading.labels import ImageLabels, LabelFormat, Labels
from flawforge.data.reading.pairing import ImageNames
from flawforge.data.reading.tables import CLASS_WORDS, RUN_WORDS, Table, read_tables
from flawforge.data.reading.texts.json_files import frame_of
from flawforge.data.reading.texts.text_files import finite_number
from flawforge.data.sample import Mark, Remark

BOXES = (("xmin", "ymin", "xmax", "ymax"), ("x1", "y1", "x2", "y2"), ("left", "top", "right", "bottom"))
BARE = ("image", "x1", "y1", "x2", "y2", "class")  # six columns without a header
MOST_CLASSES = 20  # in a column whose name does not say that it holds classes
SEVERAL = "images that a table gives several classes; that in the file's name was taken, else the first"
FLAGS = frozenset({"0", "1", "0.0", "1.0", ""})


@dataclass(frozen=True)
class _Columns:
    """Where a table says what: the class, or a class for each of several columns; the box; the image's size."""

    label: int | None
    flags: dict[int, str]
    box: tuple[int, ...]
    size: tuple[int, ...]


def table_of_classes(root: Path, tree: Tree) -> Labels | None:
    """Return what the tables of a folder say, None where none has classes of its images."""
    names = ImageNames(tree.images)
    labels = Labels()
    for table in map(_squared, read_tables(root, tree, names)):
        columns = _columns(table)
        if columns is not None and table.column(RUN_WORDS) is None:
            for image, new in _read(table, columns, names, labels.remarks).items():
                old = labels.images.setdefault(image, new)
                if (old.label, old.marks) != (new.label, new.marks):
                    what = "images of which two tables say something else; the first was followed"
                    labels.remarks.append(Remark(what, f"{image}: {old.source}, {new.source}"))
    return labels if labels.images else None


def _squared(table: Table) -> Table:
    """Return the table with as many cells in each row, empty ones where some are missing."""
    width = max(table.image + 1, len(table.header), *(len(cells) for _, cells in table.rows))
    header, titles = (texts and texts + ("",) * (width - len(texts)) for texts in (table.header, table.titles))
    rows = tuple((line, cells + [""] * (width - len(cells))) for line, cells in table.rows)
    return replace(table, header=header, titles=titles, rows=rows)


def _columns(table: Table) -> _Columns | None:
    width = len(table.rows[0][1])
    header = table.header or (BARE if width == len(BARE) and not table.image else ())
    box = next((tuple(map(header.index, four)) for four in BOXES if set(four) <= set(header)), ())
    size = tuple(header.index(name) for name in ("width", "height") if name in header)
    label = table.column(CLASS_WORDS) if table.header else (header.index("class") if header else None)
    if label is not None:
        return _Columns(label, {}, box, size if len(size) == 2 else ())
    values = {place: {cells[place] for _, cells in table.rows} for place in range(width) if place != table.image}
    if len(values) > 1 and table.header and all(column <= FLAGS for column in values.values()):
        return _Columns(None, {place: table.titles[place] for place in values}, (), ())
    if len(values) == 1:
        ((place, column),) = values.items()
        few = len(column) <= MOST_CLASSES and len(column) < len(table.rows)
        numbers = all(_is_number(cell) for cell in column)
        if few and not (numbers and table.header) and not any("." in cell and _is_number(cell) for cell in column):
            return _Columns(place, {}, (), ())
    return None


def _is_number(cell: str) -> bool:
    try:
        finite_number(cell)
    except ValueError:
        return False
    return True


def _read(table: Table, columns: _Columns, names: ImageNames, remarks: list[Remark]) -> dict[str, ImageLabels]:
    """Return what a table says of images."""
    marks: dict[str, list[Mark]] = defaultdict(list)
    frames: dict[str, tuple[float, float] | None] = {}
    for line, cells in table.rows:
        where = f"{table.file}, line {line}"
        found = names.find(cells[table.image], table.file)
        if len(found) != 1:
            what = "that are not in the folder" if not found else "whose names fit several of the folder"
            remarks.append(Remark(f"rows of images {what}, which were left out", where))
            continue
        size = [int(cells[place]) if cells[place].isdecimal() else None for place in columns.size]
        frames.setdefault(found[0], frame_of(*size) if len(size) == 2 else None)
        given = [title for place, title in columns.flags.items() if cells[place] not in ("", "0", "0.0")]
        if columns.label is not None:
            given = [cells[columns.label]] if cells[columns.label] else []
        corners = _corners(cells, columns, where, remarks) if given else None
        marks[found[0]] += [Mark(label, corners) for label in given]
    return {
        image: _image_labels(table, image, marks[image], frame, columns, remarks) for image, frame in frames.items()
    }


def _corners(cells: list[str], columns: _Columns, where: str, remarks: list[Remark]) -> Corners | None:
    if not columns.box:
        return None
    try:
        left, top, right, bottom = (finite_number(cells[place]) for place in columns.box)
    except ValueError:
        remarks.append(Remark("rows without a box of four numbers: only their class was taken", where))
        return None
    if right < left or bottom < top:
        remarks.append(Remark("boxes whose corners were in the wrong order were turned round", where))
    return min(left, right), min(top, bottom), max(left, right), max(top, bottom)


def _image_labels(
    table: Table,
    image: str,
    marks: list[Mark],
    frame: tuple[float, float] | None,
    columns: _Columns,
    remarks: list[Remark],
) -> ImageLabels:
    once = tuple(dict.fromkeys(marks))
    if columns.box:
        return ImageLabels(table.file, once, frame)
    if not once:
        return ImageLabels(table.file, unreadable="gives it no class")
    if len(once) == 1:
        return ImageLabels(table.file, label=once[0].label)
    said = ", ".join(mark.label for mark in once)
    remarks.append(Remark(SEVERAL, f"{table.file}, {image}: {said}"))
    return ImageLabels(table.file, once)


TABLE = LabelFormat(
    "table",
    "a table",
    "a CSV or TSV file with a column of file names and one of classes, with a header or not; boxes where it has "
    "`xmin`, `ymin`, `xmax`, `ymax` (then an image without any is `good`); or a column of 0 and 1 for each class",
    "the one in its row; not labelled without a row, or where the row is empty",
    "unlabelled",
    table_of_classes,
)
