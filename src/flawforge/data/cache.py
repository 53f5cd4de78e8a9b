"""The user's cache: what can be computed again from the images, keyed by their content and never by their path.

A file that is damaged or of another format counts as missing. Where the cache cannot be written, nothing is kept and
nothing is lost.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

import numpy as np

from flawforge.core.arrays import Floats32, Ints
from flawforge.core.errors import FlawforgeError
from flawforge.core.files import write_bytes

FORMAT = 1  # of both
FEATURES = f"features-{FORMAT}"  # folder
KEPT = (".f32", ".bin")
LIMIT = "FLAWFORGE_CACHE_MB"  # the variable that sets how large that folder may grow; 0 keeps nothing
USUAL_MB = 1024  # of it; beyond, what was used longest ago goes


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
    """
    try:
        kept = json.loads(_read(_groups_file(fingerprint, detector)))
        if (kept["format"], kept["detector"]) != (FORMAT, detector):
            return None
        raw = [kept["groups"][content] for content in contents]
    except (ValueError, KeyError, TypeError):
        return None
    if not all(type(group) is int for group in raw):
        return None
    number: dict[int, int] = {}
    return np.array([number.setdefault(group, len(number)) for group in raw], dtype=np.int64)


def remember_groups(fingerprint: str, contents: list[str], groups: Ints, detector: int) -> None:
    """Keep (N,) group numbers."""
    by_content = dict(zip(contents, groups.tolist(), strict=True))
    value = {"format": FORMAT, "detector": detector, "groups": by_content}
    _write(_groups_file(fingerprint, detector), (json.dumps(value, separators=(",", ":")) + "\n").encode())


def limit_bytes() -> int:
    """Return how large the folder of features and contents may grow: ``$FLAWFORGE_CACHE_MB``, else 1 GB; 0: it is off.

    A word that is no number counts as the usual limit.
    """
    try:
        return max(0, int(float(os.environ.get(LIMIT, USUAL_MB)) * 2**20))
    except (ValueError, OverflowError):
        return USUAL_MB * 2**20


def recall_content(key: str) -> bytes:
    """Return remembered bytes; empty where there are none.

    Args:
        key: SHA-256, in hexadecimal digits, of everything that they depend on.
    """
    data = _read(_content_file(key)) if limit_bytes() else b""
    if data:
        with suppress(OSError):
            os.utime(cache_folder() / _content_file(key))
    return data


def remember_content(key: str, data: bytes) -> None:
    """Keep bytes."""
    if limit_bytes():
        _write(_content_file(key), data)


def recall_features(key: str, rows: int) -> Floats32 | None:
    """Return the remembered (rows, D) float32 features, or None.

    Args:
        key: SHA-256, in hexadecimal digits, of everything that the features depend on.
        rows: images they are of.
    """
    data = _read(_features_file(key)) if limit_bytes() else b""
    if rows == 0 or not data or len(data) % (4 * rows):
        return None
    with suppress(OSError):
        os.utime(cache_folder() / _features_file(key))
    values = np.frombuffer(data, dtype="<f4").reshape(rows, -1)
    return values.astype(np.float32) if np.isfinite(values).all() else None


def remember_features(key: str, features: Floats32) -> None:
    """Keep (N, D) float32 features."""
    if not limit_bytes():
        return
    _write(_features_file(key), np.ascontiguousarray(features, dtype="<f4").tobytes())


def trim_features(most: int | None = None) -> int:
    """Remove the files used longest ago until the folder holds `most` bytes or less; return how many were removed.

    None takes `limit_bytes`.
    """
    most = limit_bytes() if most is None else most
    try:
        stats = [(path.stat(), path) for path in (cache_folder() / FEATURES).rglob("*.*") if path.suffix in KEPT]
    except (OSError, RuntimeError):
        return 0
    total, removed = sum(stat.st_size for stat, _ in stats), 0
    for stat, path in sorted(stats, key=lambda entry: entry[0].st_mtime):
        if total <= most:
            break
        try:
            path.unlink(missing_ok=True)
        except OSError:  # another's file, or a disk that cannot be written
            break
        total, removed = total - stat.st_size, removed + 1
    return removed


def _groups_file(fingerprint: str, detector: int) -> Path:
    return Path(f"groups-{detector}", f"{fingerprint}.json")


def _content_file(key: str) -> Path:
    return Path(FEATURES, key[:2], f"{key}.bin")


def _features_file(key: str) -> Path:
    return Path(FEATURES, key[:2], f"{key}.f32")


def _read(file: Path) -> bytes:
    """Return what a file of the cache holds; empty where there is none."""
    try:
        return (cache_folder() / file).read_bytes()
    except (OSError, RuntimeError):  # RuntimeError: the user has no home folder
        return b""


def _write(file: Path, data: bytes) -> None:
    with suppress(OSError, RuntimeError, FlawforgeError):
        path = cache_folder() / file
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, data, durable=False)
