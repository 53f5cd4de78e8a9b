"""YOLO as Ultralytics reads it: a text file of rows for each image, an empty one for a good image.

A row is a class and a box, or a class and an outline, in shares of the image; a file has one kind of row only, because
Ultralytics drops images that have both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import yaml

from flawforge import __version__
from flawforge.data.writing.export_format import ExportFormat
from flawforge.data.writing.exported_image import Instance
from flawforge.data.writing.patches import bridged, parts_of, rings_of
from flawforge.data.writing.writing import Writing

Rows = Callable[[Instance, int, int], Iterator[list[float]]]


def write_yolo(writing: Writing) -> None:
    """Write rows of boxes: middle and size."""
    _write(writing, _box_rows)


def write_yolo_outlines(writing: Writing) -> None:
    """Write rows of outlines: each connected part one row, its holes bridged; a box where no pixels are known."""
    _write(writing, _outline_rows)


def _write(writing: Writing, rows: Rows) -> None:
    number = {label: index for index, label in enumerate(writing.classes)}
    for picture in writing.each():
        lines = [
            " ".join([str(number[instance.label]), *(f"{value:.10g}" for value in row)]) + "\n"
            for instance in picture.instances()
            for row in rows(instance, picture.width, picture.height)
        ]
        writing.save_image(f"images/{picture.part}/{picture.file}", picture)
        writing.save(f"labels/{picture.part}/{picture.name}.txt", "".join(lines), picture)
    writing.save("data.yaml", _settings(writing))
    if "val" not in writing.parts:
        writing.notes.append(
            "data.yaml names no part 'val', and Ultralytics asks for one: add images that nothing was trained on, or "
            "divide the images with --val 0.2."
        )


def _settings(writing: Writing) -> str:
    made = sum(picture.origin["origin"] == "synthetic" for picture in writing.pictures)
    about = f"# Written by Flawforge {__version__}: {made} of {len(writing.pictures)} images are synthetic.\n"
    values = {part: f"images/{part}" for part in writing.parts} | {"names": dict(enumerate(writing.classes))}
    text = yaml.safe_dump(values, allow_unicode=True, sort_keys=False)
    return about + text


def _box_rows(instance: Instance, width: int, height: int) -> Iterator[list[float]]:
    left, top, right, bottom = instance.box
    middle = [(left + right) / 2 / width, (top + bottom) / 2 / height]
    yield [*middle, (right - left) / width, (bottom - top) / height]


def _outline_rows(instance: Instance, width: int, height: int) -> Iterator[list[float]]:
    if instance.patch is None:
        left, top, right, bottom = instance.box
        outlines = [[(left, top), (right, top), (right, bottom), (left, bottom)]]
    else:
        outlines = [bridged(rings_of(part)) for part in parts_of(instance.patch)]
    for outline in outlines:
        yield [value for x, y in outline for value in (x / width, y / height)]


YOLO_OUT = ExportFormat(
    "yolo",
    "YOLO (boxes)",
    "`images/train/`, `labels/train/*.txt`, `data.yaml`",
    "masks; where an image comes from (it is in `manifest.jsonl`)",
    write_yolo,
    places=True,
)
YOLO_SEG_OUT = ExportFormat(
    "yolo-seg",
    "YOLO (outlines)",
    "as `yolo`, with outlines in place of boxes",
    "which parts belong to one defect; a box beside a mask; a box alone is read again as a filled rectangle; where an "
    "image comes from",
    write_yolo_outlines,
    places=True,
)
