"""Class masks: a mask for each image whose values are classes, and a list that names them.

labelme2voc writes ``class_names.txt``, labelme's single exports ``label_names.txt``, CVAT ``labelmap.txt``, Roboflow
``_classes.csv``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from flawforge.core.errors import ImageBrokenError
from flawforge.data.mask_pixels import levels_of, mask_pixels, palette_of
from flawforge.data.reading.file_tree import Tree
from flawforge.data.reading.labels import ImageLabels, LabelFormat, Labels
from flawforge.data.reading.texts.text_files import read_text
from flawforge.data.regions import MaskImage
from flawforge.data.sample import Broken, Mark, Remark
from flawforge.data.threads import in_threads

GROUND = frozenset({"_background_", "background", "__ignore__", "ignore", "void"})  # what marks nothing
BORDER = 255  # of Pascal VOC: pixels that are not decided on
LARGEST_LIST = 1 << 20  # bytes


@dataclass
class Legend:
    """What a list of classes says of the values in masks.

    Attributes:
        by_value: value to class.
        by_colour: red * 65536 + green * 256 + blue to class.
    """

    by_value: dict[int, str] = field(default_factory=dict)
    by_colour: dict[int, str] = field(default_factory=dict)


def class_masks(root: Path, tree: Tree) -> Labels | None:
    """Return what masks say whose values are named by a list, None where there is no such list."""
    lists = [file for file in tree.others if PurePosixPath(file).name.lower() in READERS]
    if not tree.masks or not lists:
        return None
    labels, legends = Labels(lists=set(lists)), dict[str, Legend]()
    for file in lists:
        try:
            legends[file] = READERS[PurePosixPath(file).name.lower()](read_text(root / file, LARGEST_LIST))
        except ValueError as error:
            labels.broken.append(Broken(file, f"{error}; so the classes of the masks are not known"))
    chosen = {image: _nearest(legends, masks[0], image) for image, masks in tree.masks.items()}
    named = [image for image, legend in chosen.items() if legend is not None]
    labels.images = {image: ImageLabels() for image in tree.images}
    for image, (found, remarks) in zip(
        named, in_threads(lambda image: _read(root, tree.masks[image], chosen[image] or Legend()), named), strict=True
    ):
        labels.images[image] = found
        labels.remarks += remarks
    return labels


def _nearest(legends: dict[str, Legend], mask: str, image: str) -> Legend | None:
    """Return the list in the deepest folder above a mask or its image, or the only one."""
    above = {*PurePosixPath(mask).parents, *PurePosixPath(image).parents}
    fitting = [file for file in legends if PurePosixPath(file).parent in above]
    if not fitting and len(legends) == 1:
        fitting = list(legends)
    return legends[max(fitting, key=lambda file: file.count("/"))] if fitting else None


def _read(root: Path, masks: tuple[str, ...], legend: Legend) -> tuple[ImageLabels, list[Remark]]:
    marks: list[tuple[int, Mark]] = []
    remarks = []
    for mask in masks:
        try:
            levels, counts = levels_of(mask_pixels(root / mask))
            palette = palette_of(root / mask)
        except ImageBrokenError as error:
            return ImageLabels(mask, unreadable=error.reason), []
        for value, count in zip(levels.tolist(), counts.tolist(), strict=True):
            label = _class(value, palette, legend)
            if label is None and value not in (0, BORDER):
                remarks.append(
                    Remark("values in masks that the list of classes does not name were left out", f"{mask}: {value}")
                )
            elif label is not None and label.lower() not in GROUND:
                marks.append((count, Mark(label, regions=(MaskImage(mask, values=(value,)),))))
    marks.sort(key=lambda pair: -pair[0])  # the class of the image is that of most pixels
    return ImageLabels(masks[0], tuple(mark for _, mark in marks)), remarks


def _class(value: int, palette: dict[int, int], legend: Legend) -> str | None:
    """Return the class of a value: by its colour where the list has colours, else by its number."""
    colour = palette.get(value, value if value > BORDER else value * 0x010101)
    return legend.by_colour.get(colour, legend.by_value.get(value))


def _names(text: str) -> Legend:
    """Read a name a line: the first is that of 0, or of -1 where it is to be ignored; without ground, 1."""
    names = [line.strip() for line in text.splitlines() if line.strip()]
    if not names:
        raise ValueError("names no class")
    first = 0 if names[0].lower() in GROUND else 1
    return Legend(dict(enumerate(names, start=-1 if names[0].lower() == "__ignore__" else first)))


def _colours(text: str) -> Legend:
    """Read lines of ``name:red,green,blue:parts:actions``."""
    legend = Legend()
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = re.fullmatch(r"\s*([^:]+?)\s*:\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*(?::.*)?", line)
        if match is None or max(shades := [int(match[place]) for place in (2, 3, 4)]) > 255:
            raise ValueError(f"has no 'name:red,green,blue' in line {number}")
        legend.by_colour[(shades[0] << 16) + (shades[1] << 8) + shades[2]] = match[1]
        legend.by_value[len(legend.by_value)] = match[1]
    if not legend.by_colour:
        raise ValueError("names no class")
    return legend


def _values(text: str) -> Legend:
    """Read lines of ``value, name`` below a line of titles."""
    legend = Legend()
    for number, line in enumerate(text.splitlines()[1:], start=2):
        if line.strip():
            match = re.fullmatch(r"\s*(\d{1,8})\s*[,;]\s*(.+?)\s*", line)
            if match is None:
                raise ValueError(f"has no 'value, class' in line {number}")
            legend.by_value[int(match[1])] = match[2]
    if not legend.by_value:
        raise ValueError("names no class")
    return legend


READERS = {"class_names.txt": _names, "label_names.txt": _names, "labelmap.txt": _colours, "_classes.csv": _values}

CLASS_MASKS = LabelFormat(
    "class-masks",
    "class masks",
    "a mask for each image whose values or colours are classes, named in `class_names.txt` (labelme2voc), "
    "`labelmap.txt` (CVAT) or `_classes.csv` (Roboflow)",
    "the one in its file name where the masks have it, else that of most pixels. An image whose mask marks nothing is "
    "`good`; one without a mask is not labelled",
    "unlabelled",
    class_masks,
)
