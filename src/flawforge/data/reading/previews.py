"""Smaller pictures of images, which cameras and viewers leave beside them: previews and thumbnails are no images.

They would count twice, and bring the size at which sets are compared down to theirs.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from PIL import Image

from flawforge.data.sample import Broken

WORD = r"thumb(?:nail)?s?|previews?"
FOLDER = re.compile(rf"\.?(?:{WORD})", re.IGNORECASE)
NAME = re.compile(rf"(?:(?:{WORD})[_\-. ]+)?(?P<stem>.+?)(?:[_\-. ]+(?:{WORD}))?", re.IGNORECASE)
UNLIKE = 0.05  # by which proportions may differ, as sizes are rounded


def previews_in(root: Path, files: list[str]) -> list[Broken]:
    """Return the files that are called previews of others and are smaller than these, each with what it is of.

    Args:
        root: the folder.
        files: its images, as paths below it.
    """
    bare = {file: _bare(file) for file in files}
    called = {file: name for file, name in bare.items() if name != _whole(file)}
    if not called:
        return []
    images = {name: file for file, name in bare.items() if file not in called}
    found = [(file, images[name]) for file, name in called.items() if name in images]
    return [Broken(file, f"is a smaller picture of {image}") for file, image in found if _smaller(root, file, image)]


def _whole(file: str) -> str:
    return str(PurePosixPath(file).with_suffix(""))


def _bare(file: str) -> str:
    """Return a path without its ending and without what calls it a preview."""
    *folders, name = _whole(file).split("/")
    stem = NAME.fullmatch(name)
    return "/".join([*(folder for folder in folders if not FOLDER.fullmatch(folder)), stem["stem"] if stem else name])


def _smaller(root: Path, file: str, image: str) -> bool:
    sizes = []
    for one in (file, image):
        try:
            with Image.open(root / one) as opened:
                sizes.append(opened.size)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            return False
    (width, height), (whole_width, whole_height) = sizes
    likeness = width * whole_height / max(1, height * whole_width)
    return width < whole_width and height < whole_height and abs(likeness - 1) <= UNLIKE + 1 / min(width, height)
