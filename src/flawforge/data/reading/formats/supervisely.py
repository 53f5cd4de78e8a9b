"""Supervisely: ``ann/NAME.jpg.json`` for ``img/NAME.jpg``, with polygons, rectangles and bitmaps.

Points lie on pixels, and the last corner of a rectangle belongs to it.
"""

from __future__ import annotations

import base64
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from flawforge.data.reading.file_tree import Tree
from flawforge.data.reading.labels import ImageLabels, LabelFormat, Labels
from flawforge.data.reading.pairing import pair
from flawforge.data.reading.texts.json_files import coordinates, frame_of, parse_json
from flawforge.data.regions import LARGEST_MASK, Polygon, RunLengths, as_runs
from flawforge.data.sample import Mark, Remark

Frame = tuple[float, float]


def supervisely(root: Path, tree: Tree) -> Labels | None:
    """Return what Supervisely's files say, None where there are none; a damaged file counts as one beside others."""
    read: dict[str, ImageLabels] = {}
    remarks: dict[str, list[Remark]] = {}
    for file in tree.others:
        if not file.lower().endswith(".json"):
            continue
        try:
            data = parse_json(root / file, "objects", "size")
        except ValueError as error:
            read[file] = ImageLabels(file, unreadable=str(error))
            continue
        if isinstance(data, dict) and isinstance(data.get("objects"), list) and isinstance(data.get("size"), dict):
            remarks[file] = []
            read[file] = _annotation(file, data, remarks[file])
    if not remarks:
        return None
    labels = Labels()
    owned, labels.broken = pair(tree.images, read)
    labels.give(tree.images, owned, read, remarks)
    return labels


def _annotation(file: str, data: dict[str, Any], remarks: list[Remark]) -> ImageLabels:
    frame = frame_of(data["size"].get("width"), data["size"].get("height"))
    marks = []
    for place, item in enumerate(data["objects"], start=1):
        where = f"{file}, object {place}"
        label = item.get("classTitle") if isinstance(item, dict) else None
        if not isinstance(label, str) or not label.strip():
            remarks.append(Remark("objects without a class, which were left out", where))
            continue
        try:
            marks.append(_mark(label, item, frame))
        except ValueError as error:
            remarks.append(Remark("shapes that cannot be read: only their class was taken", f"{where}: {error}"))
            marks.append(Mark(label))
    unreadable = "has no object with a class" if data["objects"] and not marks else ""
    return ImageLabels(file, tuple(marks), frame, unreadable=unreadable)


def _mark(label: str, item: dict[str, Any], frame: Frame | None) -> Mark:
    """Return an object's place.

    Raises:
        ValueError: it is no rectangle, polygon or bitmap, or damaged.
    """
    kind = item.get("geometryType")
    if kind == "bitmap":
        return Mark(label, None, (_bitmap(item.get("bitmap"), frame),))
    points = item.get("points") if isinstance(item.get("points"), dict) else {}
    assert isinstance(points, dict)
    outline = _ring(points.get("exterior"))
    if kind == "rectangle" and len(outline) == 4:
        xs, ys = outline[::2], outline[1::2]
        return Mark(label, (min(xs), min(ys), max(xs) + 1, max(ys) + 1))
    if kind == "polygon" and len(outline) >= 6:
        holes = points.get("interior")
        rings = (outline, *(_ring(hole) for hole in (holes if isinstance(holes, list) else [])))
        return Mark(label, None, (Polygon(tuple(tuple(value + 0.5 for value in ring) for ring in rings)),))
    raise ValueError(f"{str(kind)[:40]!r} of {len(outline) // 2} points is no rectangle, polygon or bitmap")


def _ring(points: object) -> tuple[float, ...]:
    if not isinstance(points, list) or not all(isinstance(point, list) and len(point) == 2 for point in points):
        raise ValueError("its points are not pairs of numbers")
    return coordinates([value for point in points for value in point])


def _bitmap(bitmap: object, frame: Frame | None) -> RunLengths:
    """Return the mask that is packed as PNG, by zlib and base64, at its place in the image."""
    data = bitmap.get("data") if isinstance(bitmap, dict) else None
    if not isinstance(bitmap, dict) or not isinstance(data, str) or frame is None:
        raise ValueError("its bitmap has no data, or its image no size")
    origin = coordinates(bitmap.get("origin"))
    width, height = map(int, frame)
    if width * height > LARGEST_MASK or len(origin) != 2:
        raise ValueError("its size or its origin is that of no picture")
    left, top = map(int, origin)
    try:
        packed = zlib.decompressobj().decompress(base64.b64decode(data, validate=True), LARGEST_MASK)
        with Image.open(BytesIO(packed), formats=["PNG"]) as file:
            if file.width > width or file.height > height:
                raise ValueError("its bitmap is larger than its image")
            alpha = "A" in file.getbands() or "transparency" in file.info
            marked = np.asarray(file.convert("RGBA"))[..., 3] > 0 if alpha else np.asarray(file.convert("L")) > 0
    except (OSError, SyntaxError, zlib.error, Image.DecompressionBombError) as error:
        raise ValueError(f"its bitmap cannot be read: {error}") from None
    if left < 0 or top < 0 or left + marked.shape[1] > width or top + marked.shape[0] > height or not marked.any():
        raise ValueError("its bitmap leaves the image, or marks nothing")
    mask = np.zeros((height, width), dtype=bool)
    mask[top : top + marked.shape[0], left : left + marked.shape[1]] = marked
    return as_runs(mask)


SUPERVISELY = LabelFormat(
    "supervisely",
    "Supervisely",
    "`ann/NAME.jpg.json` for `img/NAME.jpg`; an image whose file has no objects is `good`, one without a file is not "
    "labelled",
    "the one in its file name where the labels have it, else that of most of its objects",
    "unlabelled",
    supervisely,
)
