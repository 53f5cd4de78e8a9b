"""The pixels of a mask image as numbers, and which levels they have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from flawforge.core.arrays import Ints
from flawforge.core.errors import ImageBrokenError

FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF")
LARGEST = 80_000_000  # pixels, as for images


def mask_pixels(path: Path) -> Ints:
    """Return (H, W) numbers of a mask: a palette's indices, gray values, or red * 65536 + green * 256 + blue.

    Where all colours are one, they are how opaque the picture is; of a JPEG in colour, the brightest of the three.
    Floating-point values from 0 to 1 become 0 to 255.

    Raises:
        ImageBrokenError: it cannot be read.
    """
    try:
        with Image.open(path, formats=FORMATS) as file:
            return _checked(file)
    except Exception as error:  # noqa: BLE001  damaged bytes make Pillow's decoders raise nearly any type
        why = "" if isinstance(error, UnidentifiedImageError) else f": {error or type(error).__name__}"
        raise ImageBrokenError(path, f"is no mask that can be read{why}") from None


def _checked(file: Image.Image) -> Ints:
    if file.width * file.height > LARGEST:
        raise ValueError(f"it has {file.width} x {file.height} pixels; up to {LARGEST // 1_000_000} millions are read")
    if file.mode in ("L", "P", "I") or file.mode.startswith("I;16"):
        return np.asarray(file).astype(np.int64)
    if file.mode == "1":
        return np.asarray(file.convert("L")).astype(np.int64)
    if file.mode == "F":
        return _whole(np.asarray(file))
    red, green, blue, alpha = np.moveaxis(np.asarray(file.convert("RGBA"), dtype=np.int64), -1, 0)
    if file.format == "JPEG":  # its colours are not exact: how bright the brightest is
        return np.asarray(np.maximum(np.maximum(red, green), blue), dtype=np.int64)
    gray = np.array_equal(red, green) and np.array_equal(red, blue)
    colours = red if gray else np.asarray((red << 16) + (green << 8) + blue)
    one = int(colours.min()) == int(colours.max())
    return alpha if one and int(alpha.min()) < int(alpha.max()) else colours


def _whole(values: NDArray[np.float32]) -> Ints:
    if not np.isfinite(values).all() or np.abs(values).max() > 1 << 24:
        raise ValueError("it holds values that are no finite numbers, or above 16 millions")
    return np.asarray(np.rint(values * (255 if values.max() <= 1 else 1)), dtype=np.int64)


def mask_size(path: Path) -> tuple[int, int]:
    """Return width and height of a mask that can be read, from its first bytes."""
    with Image.open(path, formats=FORMATS) as file:
        return file.size


def levels_of(pixels: Ints) -> tuple[Ints, Ints]:
    """Return the values that occur in a mask, the lowest first, and how often each does."""
    if pixels.min() < 0 or pixels.max() > 1 << 16:
        return np.unique(pixels, return_counts=True)
    counts = np.bincount(pixels.ravel())
    levels = np.flatnonzero(counts)
    return levels, counts[levels]


def palette_of(path: Path) -> dict[int, int]:
    """Return the colour of each index of a palette, red * 65536 + green * 256 + blue; nothing for other pictures.

    Raises:
        ImageBrokenError: it cannot be read.
    """
    try:
        with Image.open(path, formats=FORMATS) as file:
            values = (file.getpalette("RGB") or []) if file.mode == "P" else []
    except Exception as error:  # noqa: BLE001  as above
        raise ImageBrokenError(path, f"is no mask that can be read: {error or type(error).__name__}") from None
    colours = zip(values[::3], values[1::3], values[2::3], strict=False)
    return {index: (red << 16) + (green << 8) + blue for index, (red, green, blue) in enumerate(colours)}
