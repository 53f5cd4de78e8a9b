"""LabelMe: a JSON file beside each image, with a mask or a rectangle for each defect, none for a good image."""

from __future__ import annotations

import base64
import json
from typing import Any

from flawforge.data.writing.export_format import ExportFormat
from flawforge.data.writing.exported_image import Instance
from flawforge.data.writing.mask_files import mask_png
from flawforge.data.writing.writing import Writing

VERSION = "5.4.0"  # of the files: the first ones with mask shapes that later versions open without a word


def write_labelme(writing: Writing) -> None:
    """Write each image with its JSON file; the image is not repeated in it."""
    for picture in writing.each():
        shapes = [_shape(instance) for instance in picture.instances()]
        about: dict[str, Any] = {
            "version": VERSION,
            "flags": {},
            "shapes": shapes,
            "imagePath": picture.file,
            "imageData": None,
        }
        size = {"imageHeight": picture.height, "imageWidth": picture.width}
        text = json.dumps(about | size | {"flawforge": picture.origin}, indent=2, ensure_ascii=False)
        writing.save_image(f"{picture.part}/{picture.file}", picture)
        writing.save(f"{picture.part}/{picture.name}.json", text + "\n", picture)


def _shape(instance: Instance) -> dict[str, Any]:
    about: dict[str, Any] = {"label": instance.label, "group_id": None, "description": "", "flags": {}}
    if instance.patch is None:
        left, top, right, bottom = instance.box
        return {**about, "shape_type": "rectangle", "points": [[left, top], [right, bottom]], "mask": None}
    left, top, right, bottom = instance.patch.box
    mask = base64.b64encode(mask_png(instance.patch.pixels)).decode()
    return {**about, "shape_type": "mask", "points": [[left, top], [right - 1, bottom - 1]], "mask": mask}


LABELME_OUT = ExportFormat(
    "labelme",
    "LabelMe",
    "`train/*.png` with `*.json` beside them",
    "a box beside a mask; a box alone is read again as a filled rectangle",
    write_labelme,
    places=True,
)
