"""Pascal VOC: an XML file for each image, with a box or a polygon for each object.

Everingham et al. 2010, "The Pascal Visual Object Classes challenge": corners count pixels from 1 and include the last
one; ours count from 0 and exclude it.
"""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from flawforge.data.reading.file_tree import Tree
from flawforge.data.reading.labels import ImageLabels, LabelFormat, Labels
from flawforge.data.reading.pairing import pair
from flawforge.data.reading.text_files import finite_number
from flawforge.data.regions import Polygon
from flawforge.data.sample import Mark, Remark

TAG = "annotation"  # the root of the XML files, with or without a namespace
LARGEST = 1 << 25  # bytes of an annotation; no tool writes more, and parsed XML takes many times its size
CORNERS = ("xmin", "ymin", "xmax", "ymax")


def voc(root: Path, tree: Tree) -> Labels | None:
    """Return what the annotations of a folder say, None where there are none.

    XML of other kinds, as cameras and microscopes write it, is no annotation. A damaged file counts as one where
    others are, or one names itself so.
    """
    parsed: dict[str, Element] = {}
    damaged: dict[str, str] = {}
    for file in tree.others:
        if file.lower().endswith(".xml"):
            try:
                element = parse_xml(root / file)
            except ValueError as error:
                damaged[file] = str(error)
                continue
            if _name(element) == TAG:
                parsed[file] = element
    if not parsed and not any(_names_itself(root / file) for file in damaged):
        return None
    labels = Labels()
    owned, labels.broken = pair(tree.images, [*parsed, *damaged])
    for image in tree.images:
        file = owned.get(image, "")
        if file in damaged:
            labels.images[image] = ImageLabels(file, unreadable=damaged[file])
        else:
            labels.images[image] = _annotation(file, parsed[file], labels.remarks) if file else ImageLabels()
    return labels


def _names_itself(path: Path) -> bool:
    """Whether the beginning of a damaged file has an annotation's tag."""
    try:
        with path.open("rb") as file:
            return f"<{TAG}".encode() in file.read(1024)
    except OSError:
        return False


def parse_xml(path: Path) -> Element:
    """Return the root of an XML file in any encoding that Python knows.

    Raises:
        ValueError: it cannot be read; the message says why, in words that follow the file's name.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError(f"is larger than {LARGEST >> 20} megabytes, which no annotation is")
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or error}") from None
    declared = re.match(rb"""(?:\xef\xbb\xbf)?\s*<\?xml[^>]*?encoding\s*=\s*["']([\w.:-]+)["']""", data)
    try:
        if declared:  # the parser itself knows few encodings, and no GB2312
            data = re.sub(
                r"^\s*<\?xml.*?\?>", "", data.decode(declared[1].decode()).lstrip("\ufeff"), flags=re.DOTALL
            ).encode()
        return fromstring(data)
    except DefusedXmlException:
        raise ValueError("declares XML entities, which no annotation needs") from None
    except (ParseError, UnicodeDecodeError, LookupError, ValueError) as error:
        raise ValueError(f"is no XML: {error}") from None


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2].lower()


def _find(element: Element, *names: str) -> Element | None:
    """Return the first descendant along a path of names, whatever their namespace and letters."""
    for name in names:
        child = next((child for child in element if _name(child) == name), None)
        if child is None:
            return None
        element = child
    return element


def _text(element: Element, *names: str) -> str:
    found = _find(element, *names)
    return "" if found is None else (found.text or "").strip()


def _annotation(file: str, element: Element, remarks: list[Remark]) -> ImageLabels:
    try:
        width, height = (finite_number(_text(element, "size", name)) for name in ("width", "height"))
        frame = (width, height) if width > 0 and height > 0 else None
    except ValueError:
        frame = None
    objects = [child for child in element if _name(child) == "object"]
    marks = []
    for index, item in enumerate(objects, start=1):
        where = f"{file}, object {index}"
        label = _text(item, "name")
        if label:
            marks.append(_mark(item, label, where, remarks))
        else:
            remarks.append(Remark("objects without a name were left out", where))
    unreadable = "none of its objects has a name" if objects and not marks else ""
    return ImageLabels(file, tuple(marks), frame, unreadable=unreadable)


def _mark(item: Element, label: str, where: str, remarks: list[Remark]) -> Mark:
    """Return one object; where its place cannot be read, its name alone counts."""
    polygon = _polygon(item)
    corners = None
    try:
        left, top, right, bottom = (finite_number(_text(item, "bndbox", name)) for name in CORNERS)
    except ValueError:
        if polygon:
            xs, ys = polygon[::2], polygon[1::2]
            corners = (min(xs), min(ys), max(xs), max(ys))
        else:
            remarks.append(Remark("objects without a box of four numbers were read for their class alone", where))
    else:
        if right < left or bottom < top:
            remarks.append(Remark("boxes whose corners were in the wrong order were turned round", where))
            left, right, top, bottom = *sorted((left, right)), *sorted((top, bottom))
        corners = (left - 1, top - 1, right, bottom)
    return Mark(label, corners, (Polygon((polygon,)),) if polygon else ())


def _polygon(item: Element) -> tuple[float, ...]:
    """Return x0, y0, x1, y1, ... of ``<x1>``, ``<y1>``, ... or of ``<pt><x><y>``; nothing where there are none."""
    element = _find(item, "polygon")
    if element is None:
        return ()
    try:
        points = [child for child in element if _name(child) == "pt"]
        if points:
            values = [finite_number(_text(point, axis)) for point in points for axis in "xy"]
        else:
            given = {
                _name(child): finite_number(child.text or "")
                for child in element
                if re.fullmatch(r"[xy]\d+", _name(child))
            }
            count = len(given) // 2
            values = [given[f"{axis}{index}"] for index in range(1, count + 1) for axis in "xy"]
    except (ValueError, KeyError):
        return ()
    return tuple(values) if len(values) >= 6 else ()


VOC = LabelFormat(
    "voc",
    "Pascal VOC",
    "an XML file for each image, of the same name, in any folder",
    "the one in its file name (`scratches_12.jpg`) where the labels have boxes of this class, else that of most of its "
    "boxes",
    "unlabelled",
    voc,
)
