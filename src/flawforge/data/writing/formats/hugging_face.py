"""Hugging Face `datasets`: images by part and class, and a line of ``metadata.jsonl`` for each."""

from __future__ import annotations

import json
from typing import Any

from flawforge.data.writing.export_format import ExportFormat
from flawforge.data.writing.mask_files import mask_png
from flawforge.data.writing.writing import Writing


def write_hugging_face(writing: Writing) -> None:
    """Write images and metadata. Every line has the same columns, empty where an image has nothing to say in them."""
    columns = sorted({key for picture in writing.pictures for key in picture.origin})
    for part in writing.parts:
        lines = []
        masks = {}
        for picture in writing.each(part):
            file = f"{picture.folder}/{picture.file}"
            instances = picture.instances()
            boxes = [
                [left, top, right - left, bottom - top] for left, top, right, bottom in (one.box for one in instances)
            ]
            line: dict[str, Any] = {"file_name": file, "label": picture.label}
            line["objects"] = {"bbox": boxes, "category": [one.label for one in instances]}
            line |= {column: picture.origin.get(column) for column in columns}
            writing.save_image(f"{part}/{file}", picture)
            mask = picture.mask()
            if mask is not None:
                masks[file] = f"masks/{picture.folder}/{picture.name}.png"
                writing.save(f"{part}/{masks[file]}", mask_png(mask), picture)
            lines.append(line)
        if masks:
            lines = [{**line, "mask_file_name": masks.get(line["file_name"])} for line in lines]
        writing.save(f"{part}/metadata.jsonl", "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))


HUGGING_FACE_OUT = ExportFormat(
    "hf",
    "Hugging Face `datasets`",
    '`train/<class>/`, `train/metadata.jsonl` (read by `load_dataset("imagefolder", data_dir=...)`)',
    "which of the classes a pixel of a mask is of",
    write_hugging_face,
)
