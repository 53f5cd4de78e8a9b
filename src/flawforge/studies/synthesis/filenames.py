"""Names of the files of a synthetic set."""

from __future__ import annotations

import re
from typing import Literal

from flawforge.core.safe_names import safe_name

Layout = Literal["classes", "flat"]
LAYOUTS: tuple[Layout, ...] = ("classes", "flat")


def image_file(label: str, index: int, layout: Layout) -> str:
    """Return an image's path below the set's folder: ``scratches/scratches_000012.png``; flat: without the folder."""
    name = safe_name(label)
    file = f"{name}_{index:06d}.png"
    return f"{name}/{file}" if layout == "classes" else file


def is_image_file(file: str, label: str) -> bool:
    """Say whether a file's name (without folders) is one that `image_file` gives to images of this class."""
    return re.fullmatch(re.escape(safe_name(label)) + r"_\d{6,}\.png", file) is not None
