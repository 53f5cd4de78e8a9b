"""COCO: one JSON file for each part, with boxes, outlines or run lengths.

A defect of one part without holes has an outline, from which COCO's own code draws exactly its pixels; others have run
lengths. Thin ones have run lengths too, because readers that draw with OpenCV make outlines a pixel wider.
Each annotation has the area of its pixels and ``iscrowd`` 0, ids begin with 1.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from flawforge import __version__
from flawforge.data.regions import as_runs
from flawforge.data.writing.export_format import ExportFormat
from flawforge.data.writing.exported_image import ExportedImage, Instance
from flawforge.data.writing.patches import Patch, parts_of, rings_of
from flawforge.data.writing.writing import Writing

THIN = 3  # pixels; a defect that is narrower has run lengths


def write_coco(writing: Writing) -> None:
    """Write the images by part, and for each part ``annotations/instances_<part>.json``."""
    number = {label: index for index, label in enumerate(writing.classes, start=1)}
    categories = [{"id": id, "name": label, "supercategory": "defect"} for label, id in number.items()]
    for part in writing.parts:
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for picture in writing.each(part):
            writing.save_image(f"images/{part}/{picture.file}", picture)
            size = {"width": picture.width, "height": picture.height}
            id = len(images) + 1
            images.append({"id": id, "file_name": picture.file, **size, "flawforge": picture.origin})
            for instance in picture.instances():
                about = {"id": len(annotations) + 1, "image_id": id, "category_id": number[instance.label]}
                annotations.append(about | _described(instance, picture))
        bare = sum("segmentation" not in one for one in annotations)
        if 0 < bare < len(annotations):
            writing.notes.append(
                f"{bare:,} of {len(annotations):,} defects in {part} have a box and no mask: pycocotools measures "
                f"masks only where all have one, so measure boxes."
            )
        info = {"description": f"written by Flawforge {__version__}", "version": __version__}
        whole = {"info": info, "licenses": [], "images": images, "annotations": annotations, "categories": categories}
        writing.save(f"annotations/instances_{part}.json", json.dumps(whole, ensure_ascii=False))


def _described(instance: Instance, picture: ExportedImage) -> dict[str, Any]:
    left, top, right, bottom = instance.box
    box = {"bbox": [left, top, right - left, bottom - top], "iscrowd": 0}
    if instance.patch is None:
        return {**box, "area": (right - left) * (bottom - top)}
    return {**box, "area": instance.patch.area, "segmentation": _segmentation(instance.patch, picture)}


def _segmentation(patch: Patch, picture: ExportedImage) -> list[list[int]] | dict[str, Any]:
    if min(patch.pixels.shape) >= THIN and len(parts_of(patch)) == 1 and len(rings := rings_of(patch)) == 1:
        return [[value for point in rings[0] for value in point]]
    mask = np.zeros((picture.height, picture.width), dtype=bool)
    patch.draw_on(mask)
    return {"size": [*mask.shape], "counts": list(as_runs(mask).counts)}


COCO_OUT = ExportFormat(
    "coco", "COCO", "`images/train/`, `annotations/instances_train.json`", "nothing", write_coco, places=True
)
