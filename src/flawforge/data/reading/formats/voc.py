"""Pascal VOC: an XML file for each image, with a box or a polygon for each object.

Everingham et al. 2010, "The Pascal Visual Object Classes challenge": corners count pixels from 1 and include the last
one; ours count from 0 and exclude it. Many tools count from 0 instead, and none says so: the corners themselves tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.etree.ElementTree import Element

from flawforge.data.reading.file_tree import Tree
from flawforge.data.reading.labels import ImageLabels, LabelFormat, Labels
from flawforge.data.reading.pairing import pair_with_names
from flawforge.data.reading.texts.text_files import finite_number
from flawforge.data.reading.texts.xml_files import child_text, find_child, parse_xml, root_name, tag
from flawforge.data.regions import Polygon
from flawforge.data.sample import Mark, Remark

ROOT = "annotation"  # the first element of the XML files
LARGEST = 1 << 23  # bytes of an annotation; no tool writes more
CORNERS = ("xmin", "ymin", "xmax", "ymax")
ODD = 10  # corners at 1 for each corner at 0 from which on those at 0 are taken for slips

Ends = tuple[float, float]  # what is added to a box's low and high corners


def voc(root: Path, tree: Tree) -> Labels | None:
    """Return what the annotations of a folder say, None where there are none.

    XML of other kinds, as cameras and microscopes write it, is no annotation. A damaged file counts as one where
    others are, or where one names itself so.
    """
    parsed: dict[str, Element] = {}
    damaged: dict[str, str] = {}
    for file in tree.others:
        if file.lower().endswith(".xml"):
            try:
                element = parse_xml(root / file, ROOT, LARGEST)
            except ValueError as error:
                damaged[file] = str(error)
                continue
            if element is not None:
                parsed[file] = element
    if not parsed and not any(root_name(root / file) == ROOT for file in damaged):
        return None
    labels = Labels()
    named = {file: child_text(element, "filename") for file, element in parsed.items()}
    owned, labels.broken, labels.remarks = pair_with_names(tree.images, named | dict.fromkeys(damaged, ""))
    ends = _ends(parsed, labels)
    for image in tree.images:
        file = owned.get(image, "")
        if file in damaged:
            labels.images[image] = ImageLabels(file, unreadable=damaged[file])
        else:
            labels.images[image] = _annotation(file, parsed[file], ends, labels.remarks) if file else ImageLabels()
    return labels


def _ends(parsed: Mapping[str, Element], labels: Labels) -> Ends:
    """Return what makes the corners ours, from where they lie: at 0, at 1, at the last pixel, at the border behind it.

    A corner at 0 says that they count from 0; then one at the width says that the high ones are excluded, else one at
    the width less 1 that they are included. Otherwise, they count from 1. What is not told is said.
    """
    zero, ones, zeros, width_seen, last_seen, boxes = "", 0, 0, False, False, 0
    for file, element in parsed.items():
        size = _size(element)
        for item in _objects(element):
            if (box := _box(item)) is None:
                continue
            boxes += 1
            lows, highs = (min(box[0], box[2]), min(box[1], box[3])), (max(box[0], box[2]), max(box[1], box[3]))
            ones += sum(low == 1 for low in lows)
            if any(0 <= low < 1 for low in lows):
                zeros, zero = zeros + 1, zero or file
            if size:
                width_seen |= any(high == side for high, side in zip(highs, size, strict=True))
                last_seen |= any(high == side - 1 for high, side in zip(highs, size, strict=True))
    if zeros * ODD > ones:
        included = last_seen and not width_seen
        how = "include" if included else "exclude"
        told = "as corners at the border show" if width_seen or included else "which nothing in the files tells"
        labels.notes.append(f"The corners of boxes count from 0 (one in {zero} is 0) and {how} the last pixel, {told}.")
        return 0, int(included)
    if boxes and not ones:
        labels.notes.append(
            f"Nothing tells whether the corners of the {boxes:,} boxes count from 0 or from 1: from 1 was assumed, as "
            f"Pascal VOC has it. The difference is one pixel."
        )
    return -1, 0


def _objects(element: Element) -> Iterator[Element]:
    return (child for child in element if tag(child) == "object")


def _size(element: Element) -> tuple[float, float] | None:
    try:
        width, height = (finite_number(child_text(element, "size", name)) for name in ("width", "height"))
    except ValueError:
        return None
    return (width, height) if width > 0 and height > 0 else None


def _box(item: Element) -> tuple[float, float, float, float] | None:
    """Return the four corners as they are written, None where they are not four numbers."""
    place = find_child(item, "bndbox")
    if place is None:
        return None
    given = {tag(child): child.text or "" for child in reversed(place)}
    try:
        left, top, right, bottom = (finite_number(given.get(name, "")) for name in CORNERS)
    except ValueError:
        return None
    return left, top, right, bottom


def _annotation(file: str, element: Element, ends: Ends, remarks: list[Remark]) -> ImageLabels:
    marks = []
    for index, item in enumerate(_objects(element), start=1):
        where = f"{file}, object {index}"
        label = child_text(item, "name")
        if label:
            marks.append(_mark(item, label, ends, where, remarks))
        else:
            remarks.append(Remark("objects without a name were left out", where))
    unreadable = "" if marks or not any(_objects(element)) else "has no object with a name"
    return ImageLabels(file, tuple(marks), _size(element), unreadable=unreadable)


def _mark(item: Element, label: str, ends: Ends, where: str, remarks: list[Remark]) -> Mark:
    """Return one object; where its place cannot be read, its name alone counts."""
    polygon = _polygon(item)
    corners = _box(item)
    if corners:
        left, top, right, bottom = corners
        if right < left or bottom < top:
            remarks.append(Remark("boxes whose corners were in the wrong order were turned round", where))
            left, right, top, bottom = *sorted((left, right)), *sorted((top, bottom))
        corners = (left + ends[0], top + ends[0], right + ends[1], bottom + ends[1])
    elif polygon:
        xs, ys = polygon[::2], polygon[1::2]
        corners = (min(xs), min(ys), max(xs), max(ys))
    else:
        remarks.append(Remark("objects without a box of four numbers were read for their class alone", where))
    return Mark(label, corners, (Polygon((polygon,)),) if polygon else ())


def _polygon(item: Element) -> tuple[float, ...]:
    """Return x0, y0, x1, y1, ... of ``<x1>``, ``<y1>``, ... or of ``<pt><x><y>``; nothing where there are none."""
    element = find_child(item, "polygon")
    if element is None:
        return ()
    try:
        points = [child for child in element if tag(child) in ("pt", "point")]
        if points:
            values = [finite_number(child_text(point, axis)) for point in points for axis in "xy"]
        else:
            given = {
                tag(child): finite_number(child.text or "") for child in element if re.fullmatch(r"[xy]\d+", tag(child))
            }
            count = len(given) // 2
            values = [given[f"{axis}{index}"] for index in range(1, count + 1) for axis in "xy"]
    except (ValueError, KeyError):
        return ()
    return tuple(values) if len(values) >= 6 else ()


VOC = LabelFormat(
    "voc",
    "Pascal VOC",
    "an XML file for each image, of the same name or naming it, in any folder. An image whose file has no object is "
    "`good`; one without a file is not labelled",
    "the one in its file name (`scratches_12.jpg`) where the labels have boxes of this class, else that of most of its "
    "boxes",
    "unlabelled",
    voc,
)
