from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flawforge.core.errors import RunBrokenError, RunNotFoundError
from flawforge.core.files import sha256_file
from flawforge.studies.sets.synthetic_set import ManifestEntry, SyntheticSet, read_entries, read_facts

ENTRY = ManifestEntry("dents/dents_000003.png", "dents", 0, 3, "step_10-ab", "cd" * 32, 8, 6, "I;16")


def written(folder: Path, lines: str, **facts: Any) -> Path:
    folder.mkdir()
    (folder / "manifest.jsonl").write_text(lines, encoding="utf-8")
    known = {
        "format": 1,
        "n": 1,
        "complete": True,
        "white": 4095,
        "command": "flawforge generate RUN",
        "manifest_sha256": sha256_file(folder / "manifest.jsonl"),
    }
    (folder / "set.json").write_text(json.dumps({**known, **facts}))
    return folder


def test_a_line_of_the_manifest_is_read_as_it_was_written() -> None:
    assert json.loads(ENTRY.line())["class"] == "dents"
    assert ManifestEntry.parse(ENTRY.line()) == ENTRY
    for torn in (ENTRY.line()[:-9], "{}", "[]", "null"):
        assert ManifestEntry.parse(torn) is None


def test_entries_end_before_the_first_line_that_is_torn(tmp_path: Path) -> None:
    folder = written(tmp_path / "set", ENTRY.line() * 2 + ENTRY.line().rstrip())
    assert list(read_entries(folder)) == [ENTRY, ENTRY]


def test_a_complete_set_is_opened(tmp_path: Path) -> None:
    opened = SyntheticSet.open(written(tmp_path / "set", ENTRY.line()))
    assert (len(opened), list(opened.entries()), opened.white(ENTRY)) == (1, [ENTRY], 4095)
    assert SyntheticSet.open(opened) is opened


def test_what_is_wrong_with_a_set_is_said_with_the_command_that_mends_it(tmp_path: Path) -> None:
    half = written(tmp_path / "half", ENTRY.line(), complete=False, n=9)
    with pytest.raises(RunNotFoundError) as incomplete:
        SyntheticSet.open(half)
    assert str(incomplete.value) == (
        f"the synthetic set in {half} is not complete: it was interrupted before all 9 images were written. Run the "
        f"same command again to resume: flawforge generate RUN"
    )
    changed = written(tmp_path / "changed", ENTRY.line(), manifest_sha256="0")
    with pytest.raises(RunBrokenError) as broken:
        SyntheticSet.open(changed)
    assert str(broken.value) == (
        f"{changed / 'manifest.jsonl'} has changed since the set was generated. Repair the set with the command that "
        f"generated it: flawforge generate RUN"
    )
    later = written(tmp_path / "later", ENTRY.line(), format=2)
    with pytest.raises(RunBrokenError, match="has format 2; this version of Flawforge reads format 1"):
        read_facts(later)
