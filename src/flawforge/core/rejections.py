"""Which images of a synthetic set a person rejected: a small file beside its manifest. The images stay."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from flawforge.core.errors import RunBrokenError
from flawforge.core.files import explain_os_errors, read_json, write_json

REJECTIONS = "rejected.json"


def read_rejections(folder: Path) -> frozenset[str]:
    """Return the rejected images as paths below the set's folder; none where no one rejected any.

    Raises:
        RunBrokenError: the file is damaged.
    """
    path = folder / REJECTIONS
    try:
        found = read_json(path)
    except FileNotFoundError:
        return frozenset()
    files = found.get("files") if isinstance(found, dict) and found.get("format") == 1 else None
    if not isinstance(files, list) or not all(isinstance(file, str) for file in files):
        raise RunBrokenError(f"{path} is no list of rejected images that this version reads. Delete it to keep all.")
    return frozenset(files)


def write_rejections(folder: Path, files: Iterable[str]) -> None:
    """Write the rejected images atomically; without any, the file is removed."""
    if rejected := sorted(set(files)):
        write_json(folder / REJECTIONS, {"format": 1, "files": rejected})
        return
    with explain_os_errors(folder):
        (folder / REJECTIONS).unlink(missing_ok=True)
