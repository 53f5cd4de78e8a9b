"""COCO: a JSON file of images, categories and annotations, each with a box, polygons or run lengths.

Lin et al. 2014, "Microsoft COCO: common objects in context". Corners run along the borders of pixels, as ours do.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

from flawforge.data.reading.contradictions import Contradictions, Corners
from flawforge.data.reading.file_tree import Tree
from flawforge.data.reading.labels import ImageLabels, LabelFormat, Labels
from flawforge.data.reading.pairing import ImageNames
from flawforge.data.reading.texts.json_files import EMPTY, coordinates, frame_of, no_collection, parse_json
from flawforge.data.regions import Polygon, Region, checked_runs
from flawforge.data.sample import Broken, Mark, Remark


def coco(root: Path, tree: Tree) -> Labels | None:
    """Return what the COCO files of a folder say, None where there are none."""
    names = ImageNames(tree.images)
    labels = Labels()
    known = False
    for file in tree.others:
        if file.lower().endswith(".json"):
            with no_collection():
                try:
                    found = _read(root, file, names, labels.remarks)
                except ValueError as error:
                    labels.broken.append(Broken(file, str(error)))
                    continue
            if found is not None:
                known = True
                merge_labels(labels, found, "COCO")
    return labels if known or any(broken.reason != EMPTY for broken in labels.broken) else None


def _read(root: Path, file: str, names: ImageNames, remarks: list[Remark]) -> dict[str, ImageLabels] | None:
    data = _parsed(root / file)
    return None if data is None else _CocoFile(file, names, remarks).read(data)


def _parsed(path: Path) -> dict[str, Any] | None:
    """Return a COCO file's content, None where it is a file of another kind."""
    data = parse_json(path, "images", "annotations")
    if not isinstance(data, dict) or not {"images", "annotations"} <= data.keys():
        return None
    if not isinstance(data["images"], list) or not isinstance(data["annotations"], list):
        raise ValueError("is no COCO file: its images or its annotations are no list")  # noqa: TRY004
    return data


def merge_labels(labels: Labels, images: dict[str, ImageLabels], title: str) -> None:
    """Add what one more label file says of images; where others spoke of the same image, all marks count, and once."""
    for image, new in images.items():
        old = labels.images.setdefault(image, new)
        if old is new or new.unreadable or old == replace(new, source=old.source):
            continue
        if old.unreadable or not old.marks:
            labels.images[image] = new if new.marks or old.unreadable else old
        elif new.marks and new.frame != old.frame:
            where = f"{image}: {old.source}, not {new.source}"
            labels.remarks.append(Remark(f"images of which {title} files give two sizes; one was followed", where))
        elif new.marks:
            labels.images[image] = replace(old, marks=tuple(dict.fromkeys((*old.marks, *new.marks))))
            what = f"images of which several {title} files speak: all that these mark was taken together"
            labels.remarks.append(Remark(what, f"{image}: {old.source}, {new.source}"))


def identity(value: object) -> int | str | None:
    """Return an id so that 7, 7.0 and "7" are one; None where it can be none."""
    if type(value) is int:
        return value
    if isinstance(value, str):
        text = value.strip()
        return int(text) if text.isdecimal() and len(text) < 20 else text or None
    return int(value) if isinstance(value, float) and value.is_integer() else None


class _CocoFile:
    """One file while it is read."""

    def __init__(self, file: str, names: ImageNames, remarks: list[Remark]) -> None:
        self.file = file
        self.names = names
        self.remarks = remarks
        self.images: dict[int | str, str] = {}  # id -> image; empty: it is not in the folder
        self.frames: dict[str, tuple[float, float] | None] = {}
        self.refused: dict[str, str] = {}
        self.categories: dict[int | str, str] = {}
        self.marks: dict[str, list[Mark]] = defaultdict(list)
        self.nameless: set[str] = set()
        self.seen: set[int | str] = set()
        self.without_mask: list[str] = []
        self.contradictions = Contradictions(self.tell)

    def tell(self, what: str, where: str) -> None:
        self.remarks.append(Remark(what, f"{self.file}, {where}"))

    def read(self, data: dict[str, Any]) -> dict[str, ImageLabels]:
        for place, item in enumerate(data["images"], start=1):
            self._image(item, place)
        categories = data.get("categories")
        for item in categories if isinstance(categories, list) else []:
            if isinstance(item, dict) and (key := identity(item.get("id"))) is not None:
                name = item.get("name")
                if key in self.categories and self.categories[key] != str(name):
                    self.tell("categories with the id of another, which were left out", f"category {key}: {name}")
                elif isinstance(name, str | int) and str(name).strip():
                    self.categories[key] = str(name)
        for place, item in enumerate(data["annotations"], start=1):
            self._annotation(item, place)
        self.contradictions.finish()
        if any(mark.regions for marks in self.marks.values() for mark in marks):
            for where in self.without_mask:
                self.tell("annotations without a mask among others with one: their boxes were read", where)
        return {image: self._labels(image) for image in self.frames}

    def _image(self, item: object, place: int) -> None:
        name = item.get("file_name") if isinstance(item, dict) else None
        if not isinstance(item, dict) or not isinstance(name, str):
            self.tell("listed images without a file name, which were left out", f"image {place}")
            return
        found = self.names.find(name, self.file)
        key = identity(item.get("id"))
        if len(found) != 1:
            what = "that are not in the folder" if not found else "whose names fit several images of the folder"
            self.tell(f"listed images {what}, which were left out", name)
        image = found[0] if len(found) == 1 else ""
        if image:
            self.frames.setdefault(image, frame_of(item.get("width"), item.get("height")))
        if key is None:
            self.tell("listed images without an id, to which no annotation can belong", name)
        elif self.images.setdefault(key, image) != image:
            for one, other in ((image, self.images[key]), (self.images[key], image)):
                if one:
                    self.refused[one] = f"gives it the image id {key}, which {other or 'another image'} has too"

    def _annotation(self, item: object, place: int) -> None:
        if not isinstance(item, dict):
            self.tell("annotations that are no objects, which were left out", f"annotation {place}")
            return
        key = identity(item.get("id"))
        where = f"annotation {place if key is None else key}"
        belongs = identity(item.get("image_id"))
        if belongs is None or belongs not in self.images:
            self.tell("annotations of images that their file does not list, which were left out", where)
            return
        image = self.images[belongs]
        category = identity(item.get("category_id"))
        label = self.categories.get(category) if category is not None else None
        if key is not None and key in self.seen:
            self.tell("annotations with the id of another: both were read", where)
        if key is not None:
            self.seen.add(key)
        if not image:
            return
        if label is None:
            self.nameless.add(image)
            self.tell("annotations of a category that their file does not name, which were left out", where)
            return
        regions = self._regions(item.get("segmentation"), where)
        corners = self._corners(item.get("bbox"), where)
        if regions:
            self.contradictions.add(regions, corners, item.get("area"), where)
        elif corners is None:
            self.tell("annotations without a box or a mask that can be read: only their class was taken", where)
        self.marks[image].append(Mark(label, corners, regions))

    def _regions(self, shape: object, where: str) -> tuple[Region, ...]:
        if shape in (None, [], [[]], {}):
            self.without_mask.append(where)
            return ()
        try:
            if isinstance(shape, dict):
                runs = checked_runs(shape.get("counts"), shape.get("size"))
                if not any(runs.counts[1::2]):
                    raise ValueError("it marks nothing")  # noqa: TRY301
                return (runs,)
            if not isinstance(shape, list):
                raise ValueError("it is neither polygons nor run lengths")  # noqa: TRY301, TRY004
            rings = [coordinates(ring) for ring in (shape if isinstance(shape[0], list) else [shape])]
            if any(len(ring) % 2 for ring in rings):
                raise ValueError("a polygon has an odd number of coordinates")  # noqa: TRY301
        except ValueError as error:
            self.tell("masks that cannot be read, which were left out", f"{where}: {error}")
            return ()
        kept = tuple(Polygon((ring,)) for ring in rings if len(ring) >= 6)
        if len(kept) < len(rings):
            self.tell("polygons of fewer than three points, which were left out", where)
        return kept

    def _corners(self, box: object, where: str) -> Corners | None:
        if box in (None, []):
            return None
        try:
            left, top, width, height = coordinates(box)
        except ValueError:
            self.tell("boxes that are not four finite numbers, which were left out", where)
            return None
        if width <= 0 or height <= 0:
            self.tell("boxes without width or height, which were left out", f"{where}: {width:g} x {height:g}")
            return None
        return left, top, left + width, top + height

    def _labels(self, image: str) -> ImageLabels:
        marks = self.marks.get(image, [])
        once = tuple(dict.fromkeys(marks)) if len(marks) > 1 else tuple(marks)
        if len(once) < len(marks):
            self.tell("images of which an annotation is given more than once; it was read once", image)
        unreadable = self.refused.get(image, "")
        if not unreadable and not marks and image in self.nameless:
            unreadable = "gives it annotations of no category that the file names"
        return ImageLabels(self.file, () if unreadable else once, self.frames[image], unreadable=unreadable)


COCO = LabelFormat(
    "coco",
    "COCO",
    "one or several JSON files with lists `images`, `annotations` and `categories`, in any folder; images are found by "
    "name",
    "the one in its file name where the labels have this class, else that of most of its annotations; `good` where a "
    "file lists it without any; not labelled where none lists it",
    "unlabelled",
    coco,
)
