"""A folder with the marks of what Flawforge writes, and nothing else in it."""

from __future__ import annotations

from pathlib import Path

from flawforge.core.folder_kinds import MARKS, Kind


def hold(folder: Path, kind: Kind) -> Path:
    """Leave the marks of what a folder is to hold."""
    folder.mkdir(parents=True, exist_ok=True)
    for mark in MARKS[kind]:
        if "." in mark:
            (folder / mark).write_text("{}")
        else:
            (folder / mark).mkdir()
    return folder
