"""What may stand in a line of a set's manifest. People edit it; what is damaged is named, and never crashes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

Check = Callable[[Any], bool]


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _size(value: Any) -> bool:
    return _whole(value) and 0 < value < 2**31


def _path(value: Any) -> bool:
    return _text(value) and "\0" not in value and ".." not in (path := PurePosixPath(value)).parts and path.root == ""


def _number(value: Any) -> bool:
    return _whole(value) or isinstance(value, float)


def _box(value: Any) -> bool:
    if not (isinstance(value, list) and len(value) == 6):
        return False
    return _text(value[0]) and all(map(_whole, value[1:5])) and isinstance(value[5], bool)


def _placed(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    return all(_number(value.get(key, 0)) for key in MEASURED) and _share(value.get("inside", 0))


def _share(value: Any) -> bool:
    return _number(value) and math.isfinite(value)


def _all(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


MEASURED = ("contrast", "ground_contrast", "shift")
TEXT, WHOLE, SIZE, PATH = "a text", "a whole number", "a number of pixels, from 1", "a path below the set's folder"
NEEDED: dict[str, tuple[Check, str]] = {
    "file": (lambda value: _path(value) and bool(value), PATH),
    "class": (_text, TEXT),
    "seed": (_whole, WHOLE),
    "index": (_whole, WHOLE),
    "checkpoint": (_text, TEXT),
    "sha256": (_text, TEXT),
    "width": (_size, SIZE),
    "height": (_size, SIZE),
    "mode": (lambda value: value in ("L", "RGB", "I;16"), "L, RGB or I;16"),
}
OPTIONAL: dict[str, tuple[Check, str]] = {
    "sources": (_all(_text), "a list of texts"),
    "light": (_text, TEXT),
    "clipped": (_share, "a number"),
    "mask": (_path, PATH),
    "boxes": (_all(_box), "a list of [class, left, top, right, bottom, whether it is cut]"),
    "ground": (_text, TEXT),
    "ground_sha256": (_text, TEXT),
    "support": (_path, PATH),
    "placed": (_placed, "an object, with numbers as inside, contrast, ground_contrast and shift"),
}


def read_fields(line: str) -> dict[str, Any] | None:
    """Return the fields of a manifest's line, those that it may have; None where it is none of ours.

    What people write beside them (a comment, an empty line, fields of their own) is passed over.

    Raises:
        ValueError: it is torn, lacks a field, or one holds what it cannot; the message says which and what it may be.
    """
    try:
        values = json.loads(line.lstrip("\ufeff"))  # which some editors put in front
    except (ValueError, RecursionError):
        if line.lstrip("\ufeff \t").startswith("{"):
            raise ValueError("it is torn or mistyped, no JSON") from None
        return None
    if not isinstance(values, dict) or not values.keys() & NEEDED.keys():
        return None
    for field, (check, allowed) in (NEEDED | OPTIONAL).items():
        if field not in values:
            if field in NEEDED:
                raise ValueError(f"{field} is missing; it is {allowed}")
        elif not check(values[field]):
            shown = json.dumps(values[field], ensure_ascii=False)
            raise ValueError(f"{field} is {shown[:40]}{'...' * (len(shown) > 40)}; it is {allowed}")
    return {field: values[field] for field in (*NEEDED, *OPTIONAL) if field in values}
