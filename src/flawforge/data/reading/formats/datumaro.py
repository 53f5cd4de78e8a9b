"""Datumaro: a JSON file for each part of a split, with a list of items and the classes that their labels count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flawforge.data.reading.contradictions import Corners
from flawforge.data.reading.file_tree import Tree
from flawforge.data.reading.formats.coco import merge_labels
from flawforge.data.reading.labels import ImageLabels, LabelFormat, Labels
from flawforge.data.reading.pairing import ImageNames
from flawforge.data.reading.texts.json_files import EMPTY, coordinates, frame_of, parse_json
from flawforge.data.regions import Polygon, Region, checked_runs
from flawforge.data.sample import Broken, Mark, Remark


def datumaro(root: Path, tree: Tree) -> Labels | None:
    """Return what Datumaro's files say, None where there are none."""
    names = ImageNames(tree.images)
    labels = Labels()
    known = False
    for file in tree.others:
        if not file.lower().endswith(".json"):
            continue
        try:
            data = parse_json(root / file, "items", "categories")
        except ValueError as error:
            labels.broken.append(Broken(file, str(error)))
            continue
        if isinstance(data, dict) and isinstance(data.get("items"), list) and isinstance(data.get("categories"), dict):
            known = True
            merge_labels(labels, _items(file, data, names, labels.remarks), "Datumaro")
    return labels if known or any(broken.reason != EMPTY for broken in labels.broken) else None


def _items(file: str, data: dict[str, Any], names: ImageNames, remarks: list[Remark]) -> dict[str, ImageLabels]:
    classes = _class_names(data["categories"])
    images: dict[str, ImageLabels] = {}
    for place, item in enumerate(data["items"], start=1):
        where = f"{file}, item {place}"
        picture = _object(_object(item).get("image") or _object(item).get("media"))
        name = picture.get("path") or _object(item).get("id")
        found = names.find(name, file) if isinstance(name, str) else []
        if len(found) != 1:
            what = "that are not in the folder" if not found else "whose names fit several images of the folder"
            remarks.append(Remark(f"listed images {what}, which were left out", where))
            continue
        size = picture.get("size")
        frame = frame_of(size[1], size[0]) if isinstance(size, list) and len(size) == 2 else None
        given = _object(item).get("annotations")
        marks = [_mark(one, classes, where, remarks) for one in (given if isinstance(given, list) else [])]
        kept = tuple(dict.fromkeys(mark for mark in marks if mark))
        unreadable = "gives it annotations of no class that the file names" if marks and not kept else ""
        images.setdefault(found[0], ImageLabels(file, kept, frame, unreadable=unreadable))
    return images


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _class_names(categories: dict[str, Any]) -> list[str]:
    listed = _object(categories.get("label")).get("labels")
    names = [_object(one).get("name") for one in (listed if isinstance(listed, list) else [])]
    return [name.strip() if isinstance(name, str) else "" for name in names]


def _mark(item: object, classes: list[str], where: str, remarks: list[Remark]) -> Mark | None:
    one = _object(item)
    number = one.get("label_id")
    if type(number) is not int or not 0 <= number < len(classes) or not classes[number]:
        remarks.append(Remark("annotations of a class that their file does not name, which were left out", where))
        return None
    corners: Corners | None = None
    regions: tuple[Region, ...] = ()
    try:
        if one.get("type") == "bbox":
            left, top, width, height = coordinates(one.get("bbox"))
            corners = (left, top, left + width, top + height)
        elif one.get("type") == "polygon":
            ring = coordinates(one.get("points"))
            if len(ring) < 6 or len(ring) % 2:
                raise ValueError("it is no polygon of three points or more")  # noqa: TRY301
            regions = (Polygon((ring,)),)
        elif one.get("type") == "mask":
            runs = _object(one.get("rle"))
            regions = (checked_runs(runs.get("counts"), runs.get("size")),)
        elif one.get("type") != "label":
            raise ValueError(f"{str(one.get('type'))[:40]!r} is no box, polygon or mask")  # noqa: TRY301
    except ValueError as error:
        remarks.append(Remark("shapes that cannot be read: only their class was taken", f"{where}: {error}"))
    return Mark(classes[number], corners, regions)


DATUMARO = LabelFormat(
    "datumaro",
    "Datumaro",
    "JSON files with lists `items` and `categories`, as `annotations/train.json` beside `images/`; an image that one "
    "lists without annotations is `good`",
    "that of most of its annotations; not labelled where no file lists it",
    "unlabelled",
    datumaro,
)
