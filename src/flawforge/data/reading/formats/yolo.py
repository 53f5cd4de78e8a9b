"""YOLO, as Darknet, Ultralytics and Roboflow write it: a text file for each image, a row for each box or outline.

A row is the number of a class and shares of the image: the centre, width and height of a box, or the corners of an
outline (Ultralytics, "Instance segmentation datasets overview"). What an outline encloses an even number of times is
outside, so that an outline led through its holes is read with them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flawforge.data.reading.file_tree import Tree
from flawforge.data.reading.labels import ImageLabels, LabelFormat, Labels
from flawforge.data.reading.pairing import pair
from flawforge.data.reading.texts.text_files import finite_number, read_text
from flawforge.data.regions import Polygon
from flawforge.data.sample import Broken, Mark, Remark

LISTS = frozenset({"classes.txt", "class_names.txt", "predefined_classes.txt", "names.txt", "_darknet.labels"})
LABEL_FOLDERS = frozenset({"labels", "obj_train_data"})  # in which a text file is nothing but labels
LARGEST = 1 << 24  # bytes of a label file
LARGEST_NAMES = 1 << 18  # bytes of a file of class names; a YAML parser takes seconds for a megabyte
MOST_CLASSES = 1_000_000
MARGIN = 0.5  # share of the image by which a label may reach beyond it; farther out its numbers are no shares


@dataclass
class _Names:
    """The classes that a file names, and whether the rows have key points after the box."""

    file: str
    names: dict[int, str] = field(default_factory=dict)
    key_points: bool = False


def yolo(root: Path, tree: Tree) -> Labels | None:
    """Return what the rows say, None where no text file that is called like an image holds such rows.

    Notes beside images are no labels. Files of which nothing can be read count as labels where most are readable, or
    where the classes are named and the files lie in a folder of labels.
    """
    texts = [file for file in tree.others if file.lower().endswith(".txt") and _name(file) not in LISTS]
    owned, spare = pair(tree.images, texts)
    if not owned:
        return None
    labels = Labels()
    naming = _naming(root, tree, labels)
    homes = {folder: _nearest(naming, folder) for folder in map(_folder, owned.values())}
    for image, file in owned.items():
        labels.images[image] = _label_file(root, file, homes[_folder(file)], labels.remarks)
    unreadable = [image.source for image in labels.images.values() if image.unreadable]
    read = [image for image in labels.images.values() if image.marks or (naming and not image.unreadable)]
    certain = naming and any(LABEL_FOLDERS & set(file.lower().split("/")) for file in unreadable)
    if len(read) < max(1, len(unreadable)) and not certain:
        return None
    _tell_names(naming, homes.values(), labels)
    folders = {_folder(image) for image in owned}
    for image in tree.images:
        if image not in owned and _folder(image) in folders:
            labels.images[image] = ImageLabels()
    for broken in spare:
        found = _label_file(root, broken.file, _Names(""), [])
        if found.marks or (_folder(broken.file) in homes and not found.unreadable):
            labels.broken.append(broken)
    return labels


def _naming(root: Path, tree: Tree, labels: Labels) -> dict[str, _Names]:
    """Return the files that name classes, by their folder; one that cannot be read is told."""
    naming: dict[str, _Names] = {}
    for file in tree.others:
        name = _name(file)
        in_yaml = name.endswith((".yaml", ".yml"))
        if not in_yaml and name not in LISTS and not name.endswith(".names"):
            continue
        try:
            text = read_text(root / file, LARGEST_NAMES)
            found = _from_yaml(file, text) if in_yaml else _from_list(file, text)
        except ValueError as error:
            labels.broken.append(Broken(file, str(error)))
            continue
        if found is None:
            continue
        other = naming.get(_folder(file))
        if other and other.names != found.names:
            first, second = (found, other) if in_yaml else (other, found)
            where = f"{second.file}; {first.file} was followed"
            labels.remarks.append(Remark("files that name other classes than the one beside them", where))
        if in_yaml or other is None:
            naming[_folder(file)] = found
    return naming


def _from_yaml(file: str, text: str) -> _Names | None:
    """Return the names of a ``data.yaml``, None where it is the YAML of something else."""
    import yaml

    try:
        content = yaml.load(text, Loader=yaml.BaseLoader)  # builds nothing but text: a class "no" keeps its name
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        if "names" not in text:
            return None
        raise ValueError(f"is no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, Mapping) or "names" not in content:
        return None
    names = content["names"]
    given = names.items() if isinstance(names, Mapping) else enumerate(names) if isinstance(names, list) else ()
    try:
        found = {int(key): name for key, name in given if isinstance(name, str) and name.strip()}
    except (TypeError, ValueError):
        found = {}
    if not found:
        raise ValueError("names no classes: names is neither a list nor numbers with names")
    return _Names(file, found, "kpt_shape" in content)


def _from_list(file: str, text: str) -> _Names | None:
    """Return the names of a file with a name in each line, None where it is empty."""
    names = {index: line.strip() for index, line in enumerate(text.splitlines()) if line.strip()}
    return _Names(file, names) if names else None


def _folder(file: str) -> str:
    return file.rpartition("/")[0]


def _name(file: str) -> str:
    return file.rpartition("/")[2].lower()


def _nearest(naming: Mapping[str, _Names], folder: str) -> _Names:
    """Return the names that hold in a folder: from it or the nearest above it, else from the only place."""
    parts = folder.split("/") if folder else []
    places = ("/".join(parts[:depth]) for depth in range(len(parts), -1, -1))
    above = (naming[place] for place in places if place in naming)
    every = list(naming.values())
    alone = every[0] if every and all(one.names == every[0].names for one in every) else _Names("")
    return next(above, alone)


def _tell_names(naming: Mapping[str, _Names], used: Iterable[_Names], labels: Labels) -> None:
    if all(names.file for names in used) or not any(image.marks for image in labels.images.values()):
        return
    if naming:
        files = " and ".join(one.file for one in list(naming.values())[:2])
        labels.notes.append(
            f"The files that name classes differ, and none lies above all labels ({files}): where no "
            f"name is known, classes are numbers."
        )
    else:
        labels.notes.append("No file says how the classes are called (data.yaml, classes.txt): they are numbers.")


def _label_file(root: Path, file: str, names: _Names, remarks: list[Remark]) -> ImageLabels:
    """Return what one file says; rows that cannot be read are told and left out, unless there are no others."""
    try:
        lines = read_text(root / file, LARGEST).splitlines()
    except ValueError as error:
        return ImageLabels(file, unreadable=str(error))
    marks: list[Mark] = []
    told: list[Remark] = []
    bad = ""
    rows = Counter(row for line in lines if (row := tuple(line.split())))
    for row, count in rows.items():
        where = f"{file}: {' '.join(row)[:60]}"
        try:
            marks += _row(row, names, where, told)
        except ValueError as error:
            bad = bad or f"has no row of a class and shares of the image: {error} in {' '.join(row)[:60]!r}"
            told.append(Remark("rows that are no box and no outline, which were left out", f"{where} ({error})"))
        if count > 1:
            told.append(Remark("rows that are there twice, which were read once", where))
    if bad and not marks:
        return ImageLabels(file, unreadable=bad)
    if len({bool(mark.regions) for mark in marks}) > 1:
        told.append(Remark("files that mix boxes and outlines, which trainers of YOLO refuse; both were read", file))
    remarks += told
    return ImageLabels(file, tuple(marks), (1, 1))


def _row(row: tuple[str, ...], names: _Names, where: str, remarks: list[Remark]) -> list[Mark]:
    """Return the mark of a row, none where it consists of zeros.

    Raises:
        ValueError: it is no row of YOLO, and why.
    """
    values = [finite_number(value) for value in row]
    kind, shares = values[0], values[1:]
    if not 0 <= kind < MOST_CLASSES or kind != int(kind):
        raise ValueError("its class is no whole number from 0 on")
    if len(shares) < 4:
        raise ValueError("it has fewer than five numbers")
    if names.key_points:
        shares = shares[:4]
    if len(shares) % 2:
        shares.pop()
        remarks.append(Remark("rows that end in a confidence, as predictions do: it was not used", where))
    if not all(-MARGIN <= value <= 1 + MARGIN for value in shares):
        raise ValueError("its numbers are no shares of the image, from 0 to 1")
    if not any(shares):
        remarks.append(Remark("rows of zeros, as an empty mask is written, which mark nothing", where))
        return []
    label = names.names.get(int(kind), "")
    if not label:
        label = str(int(kind))
        if names.file:
            what = "rows of a class that has no name; its number was taken"
            remarks.append(Remark(what, f"{where}; the names are in {names.file}"))
    if len(shares) > 4:
        return [Mark(label, regions=(Polygon((tuple(shares),)),))]
    x, y, width, height = shares
    if width < 0 or height < 0:
        raise ValueError("its width or height is negative")
    return [Mark(label, (x - width / 2, y - height / 2, x + width / 2, y + height / 2))]


YOLO = LabelFormat(
    "yolo",
    "YOLO",
    "a text file of rows for each image, beside it or in `labels/` for `images/`; names in `data.yaml` or "
    "`classes.txt`. An image with an empty file is `good`, and so is one without a file in a folder where others "
    "have one",
    "the one in its file name where the labels have it, else that of most of its rows",
    "good",
    yolo,
)
