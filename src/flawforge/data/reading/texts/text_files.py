"""Text that anybody may have written: files of a limited size, numbers that are numbers."""

from __future__ import annotations

import math
from pathlib import Path

from flawforge.data.reading.texts.json_files import FARTHEST


def read_text(path: Path, largest: int) -> str:
    """Return the text of a file in UTF-8, or in UTF-16 where it begins like that.

    Args:
        path: the file.
        largest: bytes from which on it is refused.

    Raises:
        ValueError: it cannot be read; the message says why, in words that follow the file's name.
    """
    try:
        if path.stat().st_size > largest:
            raise ValueError(f"is larger than {largest >> 10:,} kilobytes, which no file of its kind is")
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or error}") from None
    try:
        return data.decode("utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("is no text in UTF-8: save it as UTF-8") from None


def finite_number(text: str) -> float:
    """Return a number of a sane size; a decimal comma is read as a point.

    Raises:
        ValueError: it is none, or not finite, or farther than any picture reaches.
    """
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        raise ValueError(f"{text[:40]!r} is no number") from None
    if not math.isfinite(value) or abs(value) > FARTHEST:
        raise ValueError(f"{text[:40]!r} is no number that a picture could have")
    return value
