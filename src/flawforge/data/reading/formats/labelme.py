"""LabelMe: a JSON file for each image, with polygons, rectangles, circles, lines, points and masks.

Shapes are read as the tool draws them: a point as a disc 11 pixels across, a line as a bar 10 wide; the corners of a
mask belong to it. X-AnyLabeling writes the same files.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from flawforge.data.decode import MAX_PIXELS
from flawforge.data.reading.file_tree import Tree
from flawforge.data.reading.labels import ImageLabels, LabelFormat, Labels
from flawforge.data.reading.outlines import bar, ellipse, rectangle
from flawforge.data.reading.pairing import pair_with_names
from flawforge.data.reading.texts.json_files import EMPTY, coordinates, frame_of, parse_json
from flawforge.data.regions import Polygon, Region, RunLengths, as_runs
from flawforge.data.sample import Mark, Remark

SIGNS = ("imagePath", "imageData", "imageHeight", "version", "flags")  # one of them is beside the shapes
POINT = 5.5  # radius in pixels of the disc that a point is drawn as: five to either side of its own
LINE = 10  # width in pixels of the bar that a line is drawn as

Points = tuple[tuple[float, float], ...]


def labelme(root: Path, tree: Tree) -> Labels | None:
    """Return what the files of shapes say, None where there are none.

    A damaged file counts as one where others are, or where it belongs to an image.
    """
    read: dict[str, ImageLabels] = {}
    named: dict[str, str] = {}
    remarks: dict[str, list[Remark]] = {}
    for file in tree.others:
        if not file.lower().endswith(".json"):
            continue
        try:
            content = parse_json(root / file, "shapes")
        except ValueError as error:
            read[file], named[file] = ImageLabels(file, unreadable=str(error)), ""
            continue
        if isinstance(content, dict) and isinstance(content.get("shapes"), list) and content.keys() & set(SIGNS):
            remarks[file] = []
            read[file] = _file(file, content, remarks[file])
            named[file] = content["imagePath"] if isinstance(content.get("imagePath"), str) else ""
    labels = Labels()
    owned, labels.broken, labels.remarks = pair_with_names(tree.images, named)
    if not remarks and all(read[file].unreadable == EMPTY for file in owned.values()):
        return None
    labels.give(tree.images, owned, read, remarks)
    return labels


def _file(file: str, content: dict[str, Any], remarks: list[Remark]) -> ImageLabels:
    frame = frame_of(content.get("imageWidth"), content.get("imageHeight"))
    shapes: list[Any] = content["shapes"]
    marks = []
    for index, shape in enumerate(shapes, start=1):
        where = f"{file}, shape {index}"
        label = shape.get("label") if isinstance(shape, dict) else None
        if isinstance(label, str | int | float) and str(label).strip():
            marks.append(Mark(str(label).strip(), regions=_regions(shape, frame, where, remarks)))
        else:
            remarks.append(Remark("shapes without a label, which were left out", where))
    if shapes:
        return ImageLabels(file, tuple(marks), frame, unreadable="" if marks else "has no shape with a label")
    flags = content.get("flags")
    raised = [name for name, value in flags.items() if value is True] if isinstance(flags, dict) else []
    if len(raised) > 1:
        return ImageLabels(file, unreadable=f"has no shape and several flags: {', '.join(raised)}"[:200])
    return ImageLabels(file, frame=frame, label=raised[0] if raised else "")


def _regions(
    shape: dict[str, Any], frame: tuple[float, float] | None, where: str, remarks: list[Remark]
) -> tuple[Region, ...]:
    """Return what a shape covers; nothing where that cannot be read: then its label alone counts."""
    kind = str(shape.get("shape_type") or "polygon")
    try:
        regions = _drawn(shape, kind, frame)
    except ValueError as error:
        remarks.append(
            Remark("shapes that cannot be drawn, which were read for their label alone", f"{where}: {error}")
        )
        return ()
    if kind in ASSUMED:
        remarks.append(Remark(ASSUMED[kind], where))
    return regions


def _drawn(shape: dict[str, Any], kind: str, frame: tuple[float, float] | None) -> tuple[Region, ...]:
    given = shape.get("points")
    values = [coordinates(point) for point in given] if isinstance(given, list) else []
    if any(len(value) != 2 for value in values):
        raise ValueError("a point has not two numbers")
    points = tuple((value[0], value[1]) for value in values)
    if kind == "mask":
        return (_mask(shape.get("mask"), points, frame),)
    if kind not in SHAPES:
        raise ValueError(f"{kind[:40]!r} is no known kind of shape")
    return tuple(Polygon((ring,)) for ring in SHAPES[kind](points))


def _polygon(points: Points) -> list[tuple[float, ...]]:
    if len(points) < 3:
        raise ValueError("it has fewer than three points")
    return [tuple(value for point in points for value in point)]


def _rectangle(points: Points) -> list[tuple[float, ...]]:
    if len(points) == 4:  # as X-AnyLabeling writes it
        return _polygon(points)
    (x0, y0), (x1, y1) = _two(points)
    return [rectangle(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))]


def _circle(points: Points) -> list[tuple[float, ...]]:
    centre, edge = _two(points)
    radius = math.dist(centre, edge)
    return [ellipse(*centre, radius, radius)]


def _two(points: Points) -> Points:
    if len(points) != 2:
        raise ValueError("it has not two points")
    return points


def _discs(points: Points) -> list[tuple[float, ...]]:
    if not points:
        raise ValueError("it has no points")
    return [
        ellipse(math.floor(x) + 0.5, math.floor(y) + 0.5, POINT, POINT) for x, y in points
    ]  # about a pixel's centre


def _bars(points: Points) -> list[tuple[float, ...]]:
    if len(points) < 2:
        raise ValueError("it has fewer than two points")
    return [bar(*start, *end, LINE) for start, end in pairwise(points)]


def _mask(text: object, points: Points, frame: tuple[float, float] | None) -> RunLengths:
    """Return a mask shape as run lengths of the whole image.

    Raises:
        ValueError: it is none, and why.
    """
    (left, top), (right, bottom) = (map(int, point) for point in _two(points))
    width, height = map(int, frame or (0, 0))
    if not 0 < width * height <= MAX_PIXELS:
        raise ValueError("the file does not say how large the image is")
    if not (0 <= left <= right < width and 0 <= top <= bottom < height):
        raise ValueError("its corners lie outside the image")
    try:
        with Image.open(BytesIO(base64.b64decode(text if isinstance(text, str) else "")), formats=["PNG"]) as picture:
            if picture.size != (right - left + 1, bottom - top + 1):
                raise ValueError("its mask has another size than its corners")
            pixels = np.asarray(picture.convert("L"))
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"its mask is no picture: {error}") from None
    mask = np.zeros((height, width), dtype=bool)
    mask[top : bottom + 1, left : right + 1] = pixels > 0
    return as_runs(mask)


SHAPES: dict[str, Callable[[Points], list[tuple[float, ...]]]] = {
    "polygon": _polygon,
    "rectangle": _rectangle,
    "rotation": _polygon,
    "circle": _circle,
    "point": _discs,
    "points": _discs,
    "line": _bars,
    "linestrip": _bars,
}
ASSUMED = {
    "point": "points, which were taken for discs 11 pixels across, as LabelMe draws them",
    "points": "points, which were taken for discs 11 pixels across, as LabelMe draws them",
    "line": "lines, which were taken for bars 10 pixels wide, as LabelMe draws them",
    "linestrip": "lines, which were taken for bars 10 pixels wide, as LabelMe draws them",
}


LABELME = LabelFormat(
    "labelme",
    "LabelMe",
    "a JSON file with `shapes` for each image, of the same name or naming it. An image whose file has no shape is "
    "`good`; one without a file is not labelled",
    "the one in its file name where the labels have it, else that of most of its shapes; without shapes that of its "
    "only flag",
    "unlabelled",
    labelme,
)
