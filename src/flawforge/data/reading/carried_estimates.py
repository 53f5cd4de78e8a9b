"""Masks that were estimated, read back: what `convert` wrote of them stays an estimate until a person changes it."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from flawforge.core.files import read_json_lines, sha256_file
from flawforge.core.folder_kinds import kinds_in
from flawforge.data.sample import Sample

Origin = Literal["box", "good images"]


def carry_estimates(root: Path, samples: Sequence[Sample]) -> list[Sample]:
    """Return the images of a folder; the masks are estimated, again, that an export says are, and nobody changed.

    An export with a label file for each image keeps what these held (`labels` in its manifest): a file that has changed
    since was mended. Where all images share one file there is nothing to compare, and the export's word stands.
    """
    known = _estimated(root) if "dataset export" in kinds_in(root) else {}
    return [_carried(sample, known[sample.path]) if sample.path in known else sample for sample in samples]


def _carried(sample: Sample, origin: Origin) -> Sample:
    return replace(
        sample, marks=tuple(replace(mark, estimated=origin) if mark.regions else mark for mark in sample.marks)
    )


def _estimated(root: Path) -> dict[str, Origin]:
    """Return what an export's masks were estimated from, by the path of the image."""
    found: dict[str, Origin] = {}
    with contextlib.suppress(OSError):
        for line in read_json_lines(root / "manifest.jsonl"):
            told, labels = str(line.get("mask", "")), line.get("labels", {})
            if not told.startswith("estimated from ") or "file" not in line or not isinstance(labels, dict):
                continue
            if all(_holds(root, *both) for both in labels.items()):
                found[str(line["file"])] = "box" if "box" in told else "good images"
    return found


def _holds(root: Path, file: str, sha256: object) -> bool:
    """Say whether a file below the folder still holds what it did."""
    try:
        path = (root / file).resolve()
        return path.is_relative_to(root.resolve()) and sha256_file(path) == sha256
    except (OSError, ValueError):  # not there, or a name that no file can have
        return False
