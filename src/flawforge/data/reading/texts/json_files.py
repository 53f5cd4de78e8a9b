"""JSON that anybody may have written: files of a limited size, numbers that are numbers."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

BIGGEST = 1 << 28  # bytes of a file of labels; parsed, it takes several times as much memory
GLANCE = 1 << 16  # bytes at either end of a larger file, to know what it is
BLANK = b"\0 \t\r\n"  # what a full disk or a crash leaves of a file
EMPTY = "is empty"  # why a file cannot be read that has nothing but blanks: it may have been one of any kind
FARTHEST = 1e9  # a coordinate beyond it belongs to no picture


def parse_json(path: Path, *words: str) -> Any:
    """Return what a JSON file holds, None where it lacks one of the words, all of which its kind of label has.

    Raises:
        ValueError: it is empty (`EMPTY`), or has the words and cannot be read; the message says why, in words that
            follow the file's name.
    """
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            data = file.read(GLANCE if size > BIGGEST else -1)
            if size > BIGGEST:
                file.seek(-GLANCE, 2)
                data += file.read(GLANCE)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or error}") from None
    if not data.strip(BLANK):
        raise ValueError(EMPTY)
    try:
        text = data.decode(json.detect_encoding(data), "replace" if size > BIGGEST else "strict")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
        if all(word in text for word in words):
            raise ValueError("is no JSON: it is not written in UTF-8") from None
        return None
    if not all(f'"{word}"' in text for word in words):
        return None
    if size > BIGGEST:
        raise ValueError(f"is larger than {BIGGEST >> 20} megabytes: split it into several files")
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return _lenient(text)


def _lenient(text: str) -> Any:
    """Return what JSON holds that has what the standard has not and other programs write (NaN); it takes longer."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("is no JSON of labels: it is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"is no JSON: {error}") from None


@contextmanager
def no_collection() -> Iterator[None]:
    """Pause the search for circles of objects, which finds none in labels and takes a third of their time."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            if not gc.get_freeze_count():
                gc.freeze()  # and back: what was read counts as old, else all of it is searched at once now
                gc.unfreeze()
            gc.enable()


def coordinates(values: object) -> tuple[float, ...]:
    """Return a list of finite numbers as such.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(values, list):
        raise ValueError("it is no list of numbers")  # noqa: TRY004 - a fault of the file, not of the program
    try:
        numbers = tuple(map(float, values))
    except (TypeError, ValueError, OverflowError):
        raise ValueError("it holds something else than numbers") from None
    if not sum(map(abs, numbers)) < FARTHEST:  # neither infinite nor nan
        raise ValueError("its numbers are not finite, or far outside any picture")
    return numbers


def frame_of(width: object, height: object) -> tuple[float, float] | None:
    """Return the size of a picture as its labels declare it, None where they do not."""
    try:
        frame = coordinates([width, height])
    except ValueError:
        return None
    return (frame[0], frame[1]) if min(frame) >= 1 else None
