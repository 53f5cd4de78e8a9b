"""The user's cache: what can be computed again from the images, keyed by their content and never by their path."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

from flawforge.core.arrays import Floats32, Ints
from flawforge.core.errors import FlawforgeError
from flawforge.core.files import write_bytes

FORMAT = 1


def cache_folder() -> Path:
    """Return ``$FLAWFORGE_CACHE``, else ``$XDG_CACHE_HOME/flawforge``, else ``~/.cache/flawforge``."""
    if own := os.environ.get("FLAWFORGE_CACHE"):
        return Path(own)
    shared = os.environ.get("XDG_CACHE_HOME")
    return Path(shared or "~/.cache").expanduser() / "flawforge"


def recall_groups(fingerprint: str, contents: list[str], detector: int) -> Ints | None:
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


def remember_groups(fingerprint: str, contents: list[str], groups: Ints, detector: int) -> None:
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


FEATURE_FORMAT = 1
MOST_BYTES = 512 * 1024 * 1024  # of the folder; beyond, what was used longest ago goes
FOLDER = f"features-{FEATURE_FORMAT}"


def recall_features(key: str, rows: int) -> Floats32 | None:
    """Return the remembered (rows, D) float32 features, or None.

    Args:
        key: SHA-256, in hexadecimal digits, of everything that the features depend on.
        rows: images they are of.

    A file of another length than whole rows counts as missing.
    """
    try:
        path = _features_path(key)
        values = np.frombuffer(path.read_bytes(), dtype="<f4")
        os.utime(path)
    except (OSError, RuntimeError, ValueError):
        return None
    if rows == 0 or values.size == 0 or values.size % rows or not np.isfinite(values).all():
        return None
    return values.reshape(rows, -1).astype(np.float32)


def remember_features(key: str, features: Floats32) -> None:
    """Keep (N, D) float32 features; where the cache cannot be written, nothing is kept and nothing is lost."""
    try:
        path = _features_path(key)
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


def _features_path(key: str) -> Path:
    return cache_folder() / FOLDER / key[:2] / f"{key}.f32"
