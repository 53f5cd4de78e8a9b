"""Pascal VOC: the boxes of an XML annotation, and the class of an image that has some."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from xml.etree import ElementTree

from flawforge.core.errors import ImageBrokenError
from flawforge.data.dataset import Box

BACKGROUND = "background"  # the class of an image in which nothing is marked


def read_boxes(path: Path) -> tuple[Box, ...]:
    """Return the boxes of one annotation file.

    VOC counts pixels from 1 and includes the last one; our corners count from 0 and exclude it.

    Raises:
        ImageBrokenError: the file is no such annotation; `reason` says why.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageBrokenError(path, f"cannot be read: {error.strerror or error}") from None
    if b"<!ENTITY" in data:  # the way to make a small file expand to gigabytes; no annotation tool writes it
        raise ImageBrokenError(path, "declares XML entities, which no annotation needs")
    try:
        objects = ElementTree.fromstring(data).findall("object")
    except ElementTree.ParseError as error:
        raise ImageBrokenError(path, f"is no XML: {error}") from None
    return tuple(_box(path, number, item) for number, item in enumerate(objects, start=1))


def _box(path: Path, number: int, item: ElementTree.Element) -> Box:
    label = (item.findtext("name") or "").strip()
    try:
        values = [round(float(item.findtext(f"bndbox/{name}") or "")) for name in ("xmin", "ymin", "xmax", "ymax")]
    except (ValueError, OverflowError):
        raise ImageBrokenError(path, f"object {number} has no box of four numbers") from None
    left, top, right, bottom = values
    if not label:
        raise ImageBrokenError(path, f"object {number} has no name")
    if right < left or bottom < top:
        raise ImageBrokenError(path, f"the box of object {number} ends before it begins")
    return Box(label, max(left - 1, 0), max(top - 1, 0), right, bottom)


def class_of(stem: str, boxes: Collection[Box], known: Collection[str]) -> str:
    """Return the class of an image.

    It is the file name's, where that reads ``<class>_<number>`` and the dataset has boxes of this class; else that of
    most boxes (of the first one among equals); else ``background``.
    """
    named = re.fullmatch(r"(.+?)[_-]\d+", stem)
    if named and named[1] in known:
        return named[1]
    counted = Counter(box.label for box in boxes)
    return counted.most_common(1)[0][0] if counted else BACKGROUND
