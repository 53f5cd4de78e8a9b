"""Features computed before, in the user's cache: keyed by the pixels and the extractor, never by path."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flawforge.core.errors import FlawforgeError
from flawforge.core.files import write_bytes
from flawforge.data.cache import cache_folder

FORMAT = 1
MOST_BYTES = 512 * 1024 * 1024  # of the folder; beyond, what was used longest ago goes
FOLDER = f"features-{FORMAT}"


def recall_features(key: str, rows: int) -> NDArray[np.float32] | None:
    """Return the remembered (rows, D) float32 features, or None.

    Args:
        key: SHA-256, in hexadecimal digits, of everything that the features depend on.
        rows: images they are of.

    A file of another length than whole rows counts as missing.
    """
    try:
        path = _path(key)
        values = np.frombuffer(path.read_bytes(), dtype="<f4")
        os.utime(path)
    except (OSError, RuntimeError, ValueError):
        return None
    if rows == 0 or values.size == 0 or values.size % rows or not np.isfinite(values).all():
        return None
    return values.reshape(rows, -1).astype(np.float32)


def remember_features(key: str, features: NDArray[np.float32]) -> None:
    """Keep (N, D) float32 features; where the cache cannot be written, nothing is kept and nothing is lost."""
    try:
        path = _path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, np.ascontiguousarray(features, dtype="<f4").tobytes(), durable=False)
    except (OSError, RuntimeError, FlawforgeError):
        return


def trim_features(most: int = MOST_BYTES) -> int:
    """Remove the files used longest ago until the folder holds `most` bytes or less; return how many were removed."""
    found = []
    try:
        for path in (cache_folder() / FOLDER).rglob("*.f32"):
            facts = path.stat()
            found.append((facts.st_mtime, facts.st_size, path))
    except (OSError, RuntimeError):
        return 0
    total, removed = sum(size for _, size, _ in found), 0
    for _, size, path in sorted(found):
        if total <= most:
            break
        try:
            path.unlink(missing_ok=True)
        except OSError:  # another's file, or a disk that cannot be written
            return removed
        total, removed = total - size, removed + 1
    return removed


def _path(key: str) -> Path:
    return cache_folder() / FOLDER / key[:2] / f"{key}.f32"
