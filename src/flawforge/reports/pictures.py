"""Pictures inside the page: a file of the run as a data URI, 8 bits, no larger than it needs to be."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from flawforge.core.images import to_gray

LOSSLESS_BYTES = 2_600_000  # of one section; beyond it all of its pictures become JPEG, real and generated alike
JPEG_QUALITY = 90

T = TypeVar("T")


@dataclass(frozen=True)
class Picture:
    """A picture as the page holds it: its bytes as a ``data:`` address, and the size of the embedded pixels."""

    uri: str
    width: int
    height: int


def read_picture(folder: Path, file: str | Path, white: int = 255) -> Image.Image | None:
    """Read a picture below `folder` as 8-bit ``L`` or ``RGB``; colour files without colour become ``L``. One that is
    transparent in parts stays so.

    Args:
        folder: a path that leads out of it is refused: a run may come from someone else.
        file: path below the folder.
        white: pixel value of white in 16-bit files, shown as 255.

    Returns:
        The picture, or None when it is missing, damaged or outside the folder: the page then says so in its place.
    """
    path = (folder / file).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        return None
    try:
        with Image.open(path) as image:
            image.load()
            return _eight_bits(image, white)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _eight_bits(image: Image.Image, white: int) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        levels = np.asarray(image, dtype=np.float64) * (255 / white)
        return Image.fromarray(np.clip(np.rint(levels), 0, 255).astype(np.uint8))
    if image.mode in ("LA", "RGBA"):
        return image
    if image.mode in ("1", "L"):
        return image.convert("L")
    pixels = np.asarray(image.convert("RGB"))
    gray = (pixels[..., 0] == pixels[..., 1]).all() and (pixels[..., 1] == pixels[..., 2]).all()
    return Image.fromarray(to_gray(pixels) if gray else pixels)


def shrink(image: Image.Image, scale: float) -> Image.Image:
    """Return the picture at `scale` (1 or less) of its size, antialiased; 1 returns it unchanged."""
    if scale >= 1:
        return image
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.resize(size, Image.Resampling.LANCZOS)


def embed(images: Sequence[Image.Image], budget: int = LOSSLESS_BYTES) -> tuple[list[Picture], bool]:
    """Return the pictures, and whether they are lossless.

    All of one call are coded in the same way, PNG when they fit the budget and JPEG otherwise, so that the coding
    cannot make generated and real ones look different.
    """
    coded = [_encode(image, "PNG") for image in images]
    lossless = sum(map(len, coded)) <= budget
    if not lossless:
        coded = [_encode(image, "JPEG") for image in images]
    kind = "png" if lossless else "jpeg"
    pictures = [
        Picture(f"data:image/{kind};base64,{base64.b64encode(data).decode()}", image.width, image.height)
        for data, image in zip(coded, images, strict=True)
    ]
    return pictures, lossless


def embed_files(
    folder: Path, wanted: Iterable[str | None], longest: int, white: int = 255
) -> dict[str | None, Picture]:
    """Return the pictures of files, by file; those that cannot be read are missing.

    Args:
        folder: see `read_picture`.
        wanted: paths below the folder; None stands for a picture that was not kept.
        longest: pixels of a picture's longest side, at most.
        white: pixel value of white in 16-bit files.
    """
    read = {file: read_picture(folder, file, white) for file in dict.fromkeys(wanted) if file}
    images = {file: shrink(image, longest / max(image.size)) for file, image in read.items() if image is not None}
    return dict(zip(images, embed(list(images.values()))[0], strict=True))


def _encode(image: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    if kind == "PNG":
        image.save(buffer, "PNG", compress_level=9)
    else:
        if image.has_transparency_data:
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA")).convert("RGB")
        image.save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0, optimize=True)
    return buffer.getvalue()


def evenly(items: Sequence[T], most: int) -> list[T]:
    """Return at most `most` of the items, evenly spaced over the sequence."""
    if len(items) <= most:
        return list(items)
    return [items[int((i + 0.5) * len(items) / most)] for i in range(most)]


def evenly_by_class(items: Iterable[tuple[str, T]], most: int) -> list[tuple[str, T]]:
    """Return at most `most` of (class, item) pairs, as many of each class as can be, evenly spaced within it.

    The classes come in sorted order. With more classes than places, `most` classes evenly spaced have one place each.
    """
    by_class: dict[str, list[T]] = {}
    for label, item in items:
        by_class.setdefault(label, []).append(item)
    labels = evenly(sorted(by_class), most)
    quota = dict.fromkeys(labels, 0)
    left = most
    while left > 0 and (unfilled := [label for label in labels if quota[label] < len(by_class[label])][:left]):
        for label in unfilled:
            quota[label] += 1
        left -= len(unfilled)
    return [(label, item) for label in labels if quota[label] for item in evenly(by_class[label], quota[label])]
