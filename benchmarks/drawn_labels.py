"""Draw a dozen images with labels in the formats that no command of ours writes: CVAT, Datumaro and Supervisely."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

COUNT, HEIGHT, WIDTH = 12, 48, 64
CLASSES = ("scratch", "spot")


def drawn(folder: Path) -> Iterator[tuple[str, tuple[int, int, int, int]]]:
    """Write the images; give each one's file name and the left, top, right and bottom of its defect."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(COUNT):
        rng = np.random.default_rng(number)
        image = rng.integers(60, 120, (HEIGHT, WIDTH), dtype=np.uint8)
        left, top = (int(value) for value in rng.integers(2, (WIDTH - 24, HEIGHT - 20)))
        box = (left, top, left + 20, top + 12)
        image[box[1] : box[3], box[0] : box[2]] += 80
        Image.fromarray(image).save(folder / f"{number:02d}.png")
        yield f"{number:02d}.png", box


def corners(box: tuple[int, int, int, int]) -> list[list[int]]:
    """Return a box's corners in turn."""
    left, top, right, bottom = box
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def draw_cvat(folder: Path) -> None:
    """One XML file: boxes, polygons and tags."""
    entries = []
    for number, (name, box) in enumerate(drawn(folder / "images")):
        left, top, right, bottom = box
        points = ";".join(f"{x:.2f},{y:.2f}" for x, y in corners(box))
        shape = (
            f'<box label="spot" occluded="0" xtl="{left}.00" ytl="{top}.00" xbr="{right}.00" ybr="{bottom}.00"/>',
            f'<polygon label="scratch" source="manual" occluded="0" points="{points}" z_order="0"/>',
            '<tag label="spot" source="manual"/>',
        )[number % 3]
        entries.append(f'<image id="{number}" name="{name}" width="{WIDTH}" height="{HEIGHT}">{shape}</image>')
    text = f"<annotations><version>1.1</version><meta/>{''.join(entries)}</annotations>"
    (folder / "annotations.xml").write_text(f"<?xml version='1.0' encoding='utf-8'?>{text}")


def draw_datumaro(folder: Path) -> None:
    """One JSON file: boxes, polygons, run lengths and labels."""
    from pycocotools import mask as runs

    items = []
    for number, (name, box) in enumerate(drawn(folder / "images" / "train")):
        left, top, right, bottom = box
        marked = np.zeros((HEIGHT, WIDTH), np.uint8, order="F")
        marked[top:bottom, left:right] = 1
        counts = runs.encode(marked)["counts"]
        packed = {"counts": counts if isinstance(counts, str) else counts.decode(), "size": [HEIGHT, WIDTH]}
        shape: dict[str, Any] = (
            {"type": "bbox", "bbox": [left, top, right - left, bottom - top]},
            {"type": "polygon", "points": [value for point in corners(box) for value in point]},
            {"type": "mask", "rle": packed},
            {"type": "label"},
        )[number % 4]
        listed = [{"id": 0, "label_id": number % 2, "group": 0, **shape}]
        image = {"path": name, "size": [HEIGHT, WIDTH]}
        items.append({"id": name.removesuffix(".png"), "annotations": listed, "image": image})
    names = [{"name": name, "parent": "", "attributes": []} for name in CLASSES]
    whole = {"info": {}, "categories": {"label": {"labels": names}}, "items": items}
    (folder / "annotations").mkdir()
    (folder / "annotations" / "train.json").write_text(json.dumps(whole))


def draw_supervisely(folder: Path) -> None:
    """A JSON file beside each image: rectangles, polygons and packed bitmaps."""
    own = folder / "dataset" / "ann"
    own.mkdir(parents=True)
    for number, (name, box) in enumerate(drawn(folder / "dataset" / "img")):
        data, (left, top, right, bottom) = BytesIO(), box
        Image.merge("RGBA", [Image.new("L", (right - left, bottom - top), 255)] * 4).save(data, "PNG")
        packed = base64.b64encode(zlib.compress(data.getvalue())).decode()
        shape: dict[str, Any] = (
            {"geometryType": "rectangle", "points": {"exterior": [[left, top], [right, bottom]], "interior": []}},
            {"geometryType": "polygon", "points": {"exterior": corners(box), "interior": []}},
            {"geometryType": "bitmap", "bitmap": {"data": packed, "origin": [left, top]}},
        )[number % 3]
        objects = [{"classTitle": CLASSES[number % 2], **shape}]
        whole = {"description": "", "tags": [], "size": {"height": HEIGHT, "width": WIDTH}, "objects": objects}
        (own / f"{name}.json").write_text(json.dumps(whole))
    classes = [{"title": name, "shape": "any", "color": "#0F8A8A"} for name in CLASSES]
    (folder / "meta.json").write_text(json.dumps({"classes": classes, "tags": []}))


# By format: what draws the set into a new folder, and which files hold the labels.
DRAWN: dict[str, tuple[Callable[[Path], None], str]] = {
    "cvat": (draw_cvat, "*.xml"),
    "datumaro": (draw_datumaro, "train.json"),
    "supervisely": (draw_supervisely, "*.png.json"),
}
