"""Files of a folder that may come from anyone, as far as they can be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

LARGEST = 64 << 20  # bytes


def read_object(file: Path) -> dict[str, Any]:
    """Return what a JSON file holds, where that is an object; else an empty one: a page shows what can be read."""
    try:
        if file.stat().st_size > LARGEST:
            return {}
        value = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def stamp(file: Path) -> str:
    """Return a word that is another one when a file or folder has changed; empty where it is not there."""
    try:
        state = file.stat()
    except OSError:
        return ""
    return f"{state.st_mtime_ns}-{state.st_size}"
