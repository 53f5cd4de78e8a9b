"""Estimated masks, read back from an export that anybody may have written."""

from __future__ import annotations

import json
from pathlib import Path

from flawforge.data.reading.carried_estimates import _estimated


def test_files_of_names_that_no_folder_can_hold_hold_nothing(tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("")
    names = ("a\0b", "x" * 5000, "..", "", "own.txt")
    lines = [{"file": "a.png", "mask": "estimated from boxes", "labels": {name: "0"}} for name in names]
    whole = {"file": "b.png", "mask": "estimated from boxes"}
    (tmp_path / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in [*lines, whole]))
    assert _estimated(tmp_path) == {"b.png": "box"}
