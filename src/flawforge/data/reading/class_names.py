"""The class in a file's name: what is left without numbers, dates, marks of copies and what cameras put in front."""

from __future__ import annotations

import re

BREAKS = re.compile(r"([\s_\-.,()\[\]#+]+)")
CAMERA = (
    r"(img|image|imagen|bild|pic|picture|photo|foto|dsc[nf]?|dji|gopr|pxl|p|cam|camera|frame|capture|snapshot|copy|"
    r"kopie|nr|no)"
)
COUNTER = re.compile(  # a number, also with a letter behind it or a camera's word before it; a part of a checksum
    rf"\d+[a-z]?|{CAMERA}\d*|(?=[a-f]*\d)[0-9a-f]{{8,}}|\d{{8}}t\d+", re.IGNORECASE
)
EXPORTED = re.compile(r"[._](jpe?g|png|bmp|tiff?|webp)(\.rf\..*)?$", re.IGNORECASE)  # as Roboflow names its copies


def class_in_name(stem: str) -> str:
    """Return the class in the stem of a file's name, empty where it has none.

    ``scratches_12``, ``12_scratches``, ``scratch (3)`` and ``IMG_2034_crack_07`` have one; a stem in which nothing
    counts does not say where the class ends, and has none.
    """
    stem = EXPORTED.sub("", stem)
    parts = BREAKS.split(stem)  # words at even places, what separates them at odd ones
    kept = [place for place in range(0, len(parts), 2) if parts[place] and not COUNTER.fullmatch(parts[place])]
    if not kept:
        return ""
    middle = "".join(parts[kept[0] : kept[-1] + 1])
    name = re.sub(r"^\d+(?=[^\W\d]{3})|\d+$", "", middle)
    return name if name != stem else ""
