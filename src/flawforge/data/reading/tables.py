"""Tables of text beside images: which delimiter, which column names the images, whether there is a header."""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from flawforge.data.reading.file_tree import IMAGE_ENDINGS, Tree
from flawforge.data.reading.pairing import ImageNames
from flawforge.data.reading.texts.text_files import read_text

LARGEST = 1 << 28  # bytes of a table
DELIMITERS = (",", ";", "\t", "|", " ")
TRIED = 200  # rows from which delimiter and columns are found
FILE_WORDS = frozenset(
    {"image", "images", "img", "file", "filename", "filepath", "imageid", "imageidclassid", "imagelabel", "imagename"}
    | {"imagepath", "imagefile", "imagefilename", "path", "name", "id", "picture", "photo"}
)
CLASS_WORDS = frozenset(
    {"label", "labels", "labelname", "class", "classes", "classid", "classname", "category", "categoryid"}
    | {"categoryname", "defect", "defecttype", "defectclass"}
)
RUN_WORDS = frozenset({"encodedpixels", "rle", "rlemask", "maskrle", "runlengths"})


@dataclass(frozen=True)
class Table:
    """A table that names images of the folder.

    Attributes:
        file: its path below the root.
        header: names of the columns, small letters and digits alone; empty: there is none.
        titles: the same as they are written.
        rows: line number and cells of each row.
        image: the column that names images.
    """

    file: str
    header: tuple[str, ...]
    titles: tuple[str, ...]
    rows: tuple[tuple[int, list[str]], ...]
    image: int

    def column(self, words: frozenset[str]) -> int | None:
        """Return the first column of one of these names, besides that of images."""
        named = (place for place, name in enumerate(self.header) if name in words and place != self.image)
        return next(named, None)


def named_image(cell: str, file: str, names: ImageNames) -> tuple[list[str], str]:
    """Return the image that a cell means (none, one, or several), and the class after it (``a.jpg_3``), if any."""
    found = names.find(cell, file)
    if not found and "_" in cell:
        name, _, label = cell.strip().rpartition("_")
        if PurePosixPath(name).suffix.lower() in IMAGE_ENDINGS:
            return names.find(name, file), label
    return found, ""


def read_tables(root: Path, tree: Tree, names: ImageNames) -> list[Table]:
    """Return the CSV and TSV files that name images of the folder in a column.

    Files that cannot be read are not among them: nobody knows whether they are about images.
    """
    files = [file for file in tree.others if file.lower().endswith((".csv", ".tsv"))]
    tables = (_table(root / file, file, names) for file in files if "submission" not in file.lower())
    return [table for table in tables if table is not None]


def _table(path: Path, file: str, names: ImageNames) -> Table | None:
    try:
        text = read_text(path, LARGEST)
    except ValueError as error:
        if "UTF-8" not in str(error):
            return None
        text = path.read_bytes().decode("latin-1")  # as spreadsheets of Western Europe save it
    csv.field_size_limit(LARGEST)
    best: tuple[int, str, int] = (0, "", 0)
    for delimiter in DELIMITERS:
        hits = Counter(
            place
            for _, cells in table_rows(text, delimiter, TRIED)
            if len(cells) > 1
            for place, cell in enumerate(cells)
            if named_image(cell, file, names)[0]
        )
        if hits and max(hits.values()) > best[0]:
            best = (max(hits.values()), delimiter, min(place for place in hits if hits[place] == max(hits.values())))
    count, delimiter, image = best
    if not count:
        return None
    rows = table_rows(text, delimiter)
    titles: tuple[str, ...] = ()
    header = tuple(re.sub(r"[\W_]+", "", cell.lower()) for cell in rows[0][1])
    cell = rows[0][1][image] if image < len(header) else ""
    if not named_image(cell, file, names)[0] and PurePosixPath(cell).suffix.lower() not in IMAGE_ENDINGS:
        titles = tuple(rows.pop(0)[1])
    known = set(header) & FILE_WORDS and set(header) & (CLASS_WORDS | RUN_WORDS)
    if not (titles and known) and count * 2 < len(rows[:TRIED]):
        return None
    return Table(file, header if titles else (), titles, tuple(rows), image)


def table_rows(text: str, delimiter: str, most: int | None = None) -> list[tuple[int, list[str]]]:
    """Return the lines with something in them, up to a number of them, or to one that no table has."""
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter, skipinitialspace=True)
    rows: list[tuple[int, list[str]]] = []
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((reader.line_num, [cell.strip() for cell in cells]))
            if len(rows) == most:
                break
    except csv.Error as error:
        rows.append((reader.line_num, [f"damaged: {error}"]))
    return rows
