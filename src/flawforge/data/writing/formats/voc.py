"""Pascal VOC: an XML file of boxes for each image; masks as palette images, where there are any.

Corners count pixels from 1 and include the last one, as the development kit of 2007 has it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import numpy as np

from flawforge import __version__
from flawforge.data.writing.export_format import ExportFormat
from flawforge.data.writing.exported_image import ExportedImage, Instance
from flawforge.data.writing.mask_files import PALETTE, palette_png
from flawforge.data.writing.writing import Writing

MOST = 254  # classes and defects of an image that a palette image tells apart


def write_voc(writing: Writing) -> None:
    """Write images, annotations, masks and the lists of each part."""
    index = {label: min(place, MOST) for place, label in enumerate(writing.classes, start=1)}
    segmented: dict[str, list[str]] = {part: [] for part in writing.parts}
    for picture in writing.each():
        writing.save_image(f"JPEGImages/{picture.file}", picture)
        instances = picture.instances()
        if any(instance.patch is not None for instance in instances):
            segmented[picture.part].append(picture.name)
            by_class = [index[instance.label] for instance in instances]
            numbers = [min(number, MOST) for number in range(1, len(instances) + 1)]
            for kind, values in (("Class", by_class), ("Object", numbers)):
                file = f"Segmentation{kind}/{picture.name}.png"
                writing.save(file, palette_png(_drawn(picture, instances, values)), picture)
        writing.save(f"Annotations/{picture.name}.xml", _annotation(picture, instances), picture)
    for part in writing.parts:
        names = [picture.name for picture in writing.pictures if picture.part == part]
        writing.save(f"ImageSets/Main/{part}.txt", "".join(f"{name}\n" for name in names))
        if segmented[part]:
            writing.save(f"ImageSets/Segmentation/{part}.txt", "".join(f"{name}\n" for name in segmented[part]))
    colours = [f"{label}:{red},{green},{blue}::\n" for label, (red, green, blue) in _colours(writing.classes)]
    writing.save("labelmap.txt", "".join(["# label:color_rgb:parts:actions\n", *colours]))
    if any(segmented.values()):
        writing.save("class_names.txt", "".join(f"{label}\n" for label in ("_background_", *writing.classes)))


def _colours(classes: tuple[str, ...]) -> Iterator[tuple[str, tuple[int, int, int]]]:
    return zip(("background", *classes), PALETTE, strict=False)


def _drawn(
    picture: ExportedImage, instances: tuple[Instance, ...], values: list[int]
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    indices = np.zeros((picture.height, picture.width), dtype=np.uint8)
    for instance, value in zip(instances, values, strict=True):
        if instance.patch is not None:
            left, top, right, bottom = instance.patch.box
            indices[top:bottom, left:right][instance.patch.pixels] = value
    return indices


def _annotation(picture: ExportedImage, instances: tuple[Instance, ...]) -> bytes:
    root = Element("annotation")
    source = {"database": f"Flawforge {__version__}", "annotation": json.dumps(picture.origin, ensure_ascii=False)}
    size = {"width": picture.width, "height": picture.height, "depth": picture.channels}
    _add(root, {"folder": "JPEGImages", "filename": picture.file, "source": source, "size": size})
    _add(root, {"segmented": int(any(instance.patch is not None for instance in instances))})
    for instance in instances:
        left, top, right, bottom = instance.box
        corners = {"xmin": left + 1, "ymin": top + 1, "xmax": right, "ymax": bottom}
        kind = {"name": instance.label, "pose": "Unspecified", "truncated": 0, "difficult": 0}
        _add(SubElement(root, "object"), {**kind, "bndbox": corners})
    indent(root)
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _add(parent: Element, values: dict[str, object]) -> None:
    for name, value in values.items():
        child = SubElement(parent, name)
        if isinstance(value, dict):
            _add(child, value)
        else:
            child.text = re.sub(
                r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", "_", str(value)
            )  # XML has none


VOC_OUT = ExportFormat(
    "voc",
    "Pascal VOC",
    "`JPEGImages/`, `Annotations/*.xml`, `ImageSets/Main/train.txt`; masks in `SegmentationClass/`, "
    "`SegmentationObject/`",
    "of overlapping masks the lower one; beyond 254 classes or defects of an image, which is which in the masks",
    write_voc,
    places=True,
)
