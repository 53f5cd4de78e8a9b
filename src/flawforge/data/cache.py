"""The user's cache: what can be computed again from the images, keyed by their content and never by their path."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flawforge.core.errors import FlawforgeError
from flawforge.core.files import write_bytes

FORMAT = 1


def cache_folder() -> Path:
    """Return ``$FLAWFORGE_CACHE``, else ``$XDG_CACHE_HOME/flawforge``, else ``~/.cache/flawforge``."""
    if own := os.environ.get("FLAWFORGE_CACHE"):
        return Path(own)
    shared = os.environ.get("XDG_CACHE_HOME")
    return Path(shared or "~/.cache").expanduser() / "flawforge"


def recall_groups(fingerprint: str, contents: list[str], detector: int) -> NDArray[np.int64] | None:
    """Return the remembered (N,) group numbers, 0..G-1 by first appearance in `contents`, or None.

    Args:
        fingerprint: of the dataset.
        contents: SHA-256 of each sample, in the order of the answer.
        detector: version that the groups must come from.

    A file that is damaged, of another format or another detector counts as missing.
    """
    try:
        kept = json.loads(_path(fingerprint, detector).read_text(encoding="utf-8"))
        groups = kept["groups"]
        if (kept["format"], kept["detector"]) != (FORMAT, detector):
            return None
        raw = [groups[content] for content in contents]
    except (OSError, RuntimeError, ValueError, KeyError, TypeError):
        return None
    if not all(type(group) is int for group in raw):
        return None
    number: dict[int, int] = {}
    return np.array([number.setdefault(group, len(number)) for group in raw], dtype=np.int64)


def remember_groups(fingerprint: str, contents: list[str], groups: NDArray[np.int64], detector: int) -> None:
    """Keep (N,) group numbers; where the cache cannot be written, nothing is kept and nothing is lost."""
    value = {
        "format": FORMAT,
        "detector": detector,
        "groups": dict(zip(contents, groups.tolist(), strict=True)),
    }
    try:
        path = _path(fingerprint, detector)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, (json.dumps(value, separators=(",", ":")) + "\n").encode(), durable=False)
    except (OSError, RuntimeError, FlawforgeError):
        return


def _path(fingerprint: str, detector: int) -> Path:
    return cache_folder() / f"groups-{detector}" / f"{fingerprint}.json"
