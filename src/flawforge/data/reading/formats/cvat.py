"""CVAT for images: one XML file for many images, with boxes, polygons, ellipses, masks and tags.

Corners run along the borders of pixels, as ours do. A mask's run lengths go along the rows of its rectangle, ground
first.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from flawforge.data.decode import MAX_PIXELS
from flawforge.data.reading.file_tree import Tree
from flawforge.data.reading.formats.coco import merge_labels
from flawforge.data.reading.labels import ImageLabels, LabelFormat, Labels
from flawforge.data.reading.outlines import ellipse, rectangle
from flawforge.data.reading.pairing import ImageNames
from flawforge.data.reading.texts.json_files import frame_of
from flawforge.data.reading.texts.text_files import finite_number
from flawforge.data.reading.texts.xml_files import parse_xml, root_name, tag
from flawforge.data.regions import Polygon, Region, as_runs
from flawforge.data.sample import Broken, Mark, Remark

ROOT = "annotations"  # the first element of the XML file
LARGEST = 1 << 27  # bytes of a file
TURN = "rotation"  # degrees, clockwise as seen on the image
PLACELESS = frozenset({"polyline", "points", "cuboid", "skeleton"})  # cover no area by CVAT's own rules

Corners = tuple[float, float, float, float]
Frame = tuple[float, float] | None


def cvat(root: Path, tree: Tree) -> Labels | None:
    """Return what the files of CVAT say, None where there are none."""
    names = ImageNames(tree.images)
    labels = Labels()
    known = False
    for file in tree.others:
        if not file.lower().endswith(".xml"):
            continue
        try:
            element = parse_xml(root / file, ROOT, LARGEST)
        except ValueError as error:
            if root_name(root / file) == ROOT:
                labels.broken.append(Broken(file, str(error)))
            continue
        if element is None:
            continue
        kinds = {tag(child) for child in element}
        if "track" in kinds and "image" not in kinds:
            labels.broken.append(Broken(file, "is CVAT's format for videos: export it as 'CVAT for images'"))
        elif kinds & {"image", "meta"}:
            known = True
            merge_labels(labels, _images(file, element, names, labels.remarks), "CVAT")
    return labels if known or labels.broken else None


def _images(file: str, root: Element, names: ImageNames, remarks: list[Remark]) -> dict[str, ImageLabels]:
    images: dict[str, ImageLabels] = {}
    for item in root:
        if tag(item) != "image":
            continue
        name = item.get("name", "").strip()
        found = names.find(name, file) if name else []
        if len(found) != 1:
            what = "whose names fit several images of the folder" if found else "that are not in the folder"
            remarks.append(Remark(f"listed images {what}, which were left out", f"{file}, {name or 'without a name'}"))
        elif found[0] in images:
            remarks.append(Remark("images that are listed twice, of which the first entry was read", f"{file}, {name}"))
        else:
            images[found[0]] = _image(item, f"{file}, {name}", file, remarks)
    return images


def _image(item: Element, where: str, file: str, remarks: list[Remark]) -> ImageLabels:
    """Return what one image's entry says: its shapes; where there are none, its tag."""
    frame = frame_of(item.get("width"), item.get("height"))
    marks: list[Mark] = []
    tags: list[str] = []
    nameless = 0
    for shape in item:
        kind = tag(shape)
        label = shape.get("label", "").strip()
        if kind != "tag" and kind not in SHAPES and kind not in PLACELESS:
            continue
        if not label:
            nameless += 1
            remarks.append(Remark("shapes without a label, which were left out", where))
        elif kind == "tag":
            tags.append(label)
        else:
            marks.append(_mark(shape, kind, label, frame, where, remarks))
    if len(tags) > 1 and not marks:
        remarks.append(Remark("images with several tags, of which the first was taken", f"{where}: {', '.join(tags)}"))
    unreadable = f"has no label on any shape of {where}" if nameless and not marks and not tags else ""
    return ImageLabels(file, tuple(marks), frame, "" if marks or not tags else tags[0], unreadable)


def _mark(shape: Element, kind: str, label: str, frame: Frame, where: str, remarks: list[Remark]) -> Mark:
    """Return a shape; where its place cannot be read, its label alone counts."""
    if kind in PLACELESS:
        remarks.append(Remark("lines and points, which cover no area: they were read for their label alone", where))
        return Mark(label)
    try:
        corners, regions = SHAPES[kind](shape, frame)
    except ValueError as error:
        what = "shapes that cannot be drawn, which were read for their label alone"
        remarks.append(Remark(what, f"{where}: {label}: {error}"))
        return Mark(label)
    return Mark(label, corners, regions)


def _numbers(shape: Element, *names: str) -> tuple[float, ...]:
    return tuple(finite_number(shape.get(name, "")) for name in names)


def _box(shape: Element, _: Frame) -> tuple[Corners, tuple[Region, ...]]:
    """Return a box; of a turned one, the pixels that it covers and the box about them."""
    x0, y0, x1, y1 = _numbers(shape, "xtl", "ytl", "xbr", "ybr")
    degrees = finite_number(shape.get(TURN) or "0")
    left, right, top, bottom = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
    if not degrees:
        return (left, top, right, bottom), ()
    ring = rectangle(left, top, right, bottom, degrees)
    return (min(ring[::2]), min(ring[1::2]), max(ring[::2]), max(ring[1::2])), (Polygon((ring,)),)


def _polygon(shape: Element, _: Frame) -> tuple[None, tuple[Region, ...]]:
    points = [[finite_number(value) for value in point.split(",")] for point in shape.get("points", "").split(";")]
    if len(points) < 3 or any(len(point) != 2 for point in points):
        raise ValueError("it has fewer than three points of two numbers")
    return None, (Polygon((tuple(value for point in points for value in point),)),)


def _ellipse(shape: Element, _: Frame) -> tuple[None, tuple[Region, ...]]:
    x, y, radius_x, radius_y = _numbers(shape, "cx", "cy", "rx", "ry")
    return None, (Polygon((ellipse(x, y, radius_x, radius_y, finite_number(shape.get(TURN) or "0")),)),)


def _mask(shape: Element, frame: Frame) -> tuple[None, tuple[Region, ...]]:
    left, top, width, height = (int(value) for value in _numbers(shape, "left", "top", "width", "height"))
    full_width, full_height = map(int, frame or (0, 0))
    if not 0 < full_width * full_height <= MAX_PIXELS:
        raise ValueError("the file does not say how large the image is")
    if not (0 <= left < left + width <= full_width and 0 <= top < top + height <= full_height):
        raise ValueError("it reaches beyond the image")
    counts = [int(finite_number(count)) for count in shape.get("rle", "").split(",")]
    if min(counts) < 0 or sum(counts) != width * height:
        raise ValueError(f"its run lengths sum up to {sum(counts)}, not to {width} * {height}")
    mask = np.zeros((full_height, full_width), dtype=bool)
    values = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    mask[top : top + height, left : left + width] = values.reshape(height, width)
    return None, (as_runs(mask),)


SHAPES: dict[str, Callable[[Element, Frame], tuple[Corners | None, tuple[Region, ...]]]] = {
    "box": _box,
    "polygon": _polygon,
    "ellipse": _ellipse,
    "mask": _mask,
}


CVAT = LabelFormat(
    "cvat",
    "CVAT for images",
    "an XML file of `<image>` entries, anywhere. An image that it lists without shape or tag is `good`; one that it "
    "does not list is not labelled",
    "the one in its file name where the labels have it, else that of most of its shapes; without shapes its tag",
    "unlabelled",
    cvat,
)
