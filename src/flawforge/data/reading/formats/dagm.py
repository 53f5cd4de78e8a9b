"""DAGM 2007: drawn textures, each with one kind of defect; the list of a folder says which images have it.

Either ``Label/Labels.txt`` with a line for each image (number, 1 or 0, its file, and the file of its mask), or, in the
older edition, ``labels.txt`` in ``Class1_def`` with an ellipse for each defect (number of the image, half the longer
and the shorter axis, angle in radians from right to down, column and row of the middle); ``Class1`` beside it is good.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from pathlib import Path, PurePosixPath

from flawforge.data.reading.file_tree import Tree
from flawforge.data.reading.labels import ImageLabels, LabelFormat, Labels
from flawforge.data.reading.plan import GOOD, is_split
from flawforge.data.reading.texts.text_files import finite_number, read_text
from flawforge.data.regions import Polygon
from flawforge.data.sample import Broken, Mark, Remark

LIST = "labels.txt"
DEFECT_CLASS = "defect"
LARGEST_TABLE = 1 << 22  # bytes
CORNERS_OF_AN_ELLIPSE = 72
LISTED = re.compile(r"\s*\d+\s+([01])\s+(\S+\.\w+)\s+\S+\s+\S+\s*")
ELLIPSE = re.compile(r"\s*(\d+)((?:\s+[-+.\deE]+){5})\s*")


def dagm(root: Path, tree: Tree) -> Labels | None:
    """Return what the lists of a folder say, None where it has none."""
    if not any(PurePosixPath(file).name.lower() == LIST for file in tree.others):
        return None
    labels = Labels()
    files: dict[str, dict[str, str]] = defaultdict(dict)  # folder to stem to image
    for image in tree.images:
        path = PurePosixPath(image)
        files[str(path.parent)][path.stem.lstrip("0").casefold()] = image
    for file in tree.others:
        if PurePosixPath(file).name.lower() == LIST:
            try:
                lines = read_text(root / file, LARGEST_TABLE).splitlines()
            except ValueError as error:
                labels.broken.append(Broken(file, str(error)))
                continue
            for pattern, read in ((LISTED, _listed), (ELLIPSE, _ellipses)):
                matches = [(number, pattern.fullmatch(line)) for number, line in enumerate(lines, start=1)]
                if sum(match is not None for _, match in matches) * 2 > len([line for line in lines if line.strip()]):
                    read(file, matches, files, labels)
    if not labels.images:
        return None
    homes = {_home(image) for image in labels.images}
    if len(homes) > 1:
        labels.images = {file: _named(_home(file), image) for file, image in labels.images.items()}
    return labels


Matches = list[tuple[int, re.Match[str] | None]]
Files = dict[str, dict[str, str]]


def _listed(file: str, matches: Matches, files: Files, labels: Labels) -> None:
    """Read a line for each image of the folder above."""
    images = files[str(PurePosixPath(file).parent.parent)]
    found = {image: ImageLabels() for image in images.values()}
    for number, match in matches[1:] if matches[0][1] is None else matches:  # the first is a number alone
        image = match and images.get(PurePosixPath(match[2]).stem.lstrip("0").casefold())
        if not match or not image or found[image].source:
            labels.remarks.append(Remark("lines that name no image, or one again, were left out", f"{file}:{number}"))
        elif match[1] == "1":
            found[image] = ImageLabels(file, (Mark(DEFECT_CLASS),))
        else:
            found[image] = ImageLabels(file, label=GOOD)
    labels.images |= found


def _ellipses(file: str, matches: Matches, files: Files, labels: Labels) -> None:
    """Read a line for each defect in the images beside it; the folder of the same name without _def is good."""
    folder = PurePosixPath(file).parent
    marks: dict[str, list[Mark]] = {image: [] for image in files[str(folder)].values()}
    for number, match in matches:
        image = match and files[str(folder)].get(match[1].lstrip("0"))
        try:
            outline = _outline([finite_number(word) for word in match[2].split()]) if match and image else None
        except ValueError:
            outline = None
        if outline and image:
            marks[image].append(Mark(DEFECT_CLASS, regions=(Polygon((outline,)),)))
        else:
            labels.remarks.append(Remark("lines that are no ellipse in an image were left out", f"{file}:{number}"))
    labels.images |= {image: ImageLabels(file if found else "", tuple(found)) for image, found in marks.items()}
    good = re.sub(r"[_-]def(ects?)?$", "", str(folder), flags=re.IGNORECASE)
    if good != str(folder):
        labels.images |= {image: ImageLabels(file, label=GOOD) for image in files[good].values()}


def _outline(values: list[float]) -> tuple[float, ...]:
    """Return the corners x0, y0, x1, y1, ... of an ellipse.

    Raises:
        ValueError: an axis is not above 0.
    """
    long, short, angle, column, row = values
    if min(long, short) <= 0:
        raise ValueError("an axis is not above 0")
    points = []
    for step in range(CORNERS_OF_AN_ELLIPSE):
        along = long * math.cos(2 * math.pi * step / CORNERS_OF_AN_ELLIPSE)
        across = short * math.sin(2 * math.pi * step / CORNERS_OF_AN_ELLIPSE)
        points += [
            column + along * math.cos(angle) - across * math.sin(angle),
            row + along * math.sin(angle) + across * math.cos(angle),
        ]
    return tuple(points)


def _home(image: str) -> str:
    """Return the folder of a texture: Class1 of ``Class1/Train/1.png`` and of ``Class1_def/1.png``."""
    folders = [part for part in PurePosixPath(image).parts[:-1] if not is_split(part)]
    return re.sub(r"[_-]def(ects?)?$", "", folders[-1], flags=re.IGNORECASE) if folders else ""


def _named(home: str, image: ImageLabels) -> ImageLabels:
    """Return labels whose classes have the texture's name in front."""
    label = f"{home}-{image.label}" if image.label else ""
    marks = tuple(Mark(f"{home}-{mark.label}", mark.corners, mark.regions) for mark in image.marks)
    return ImageLabels(image.source, marks, label=label)


DAGM = LabelFormat(
    "dagm",
    "DAGM 2007",
    "`Train/` and `Test/` with `Label/Labels.txt`, or `Class1/` beside `Class1_def/` with `labels.txt`",
    "`defect` or `good`, as the list says; with several textures `<texture>-defect`. An image that it does not name is "
    "not labelled",
    "unlabelled",
    dagm,
)
