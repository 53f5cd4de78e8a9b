"""The list of formats, the guide's table, and the example of CONTRIBUTING.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from flawforge.data.dataset import Dataset
from flawforge.data.writing.convert import convert
from flawforge.data.writing.formats import EXPORT_FORMATS

ROOT = Path(__file__).parents[3]


def test_the_guide_tells_how_each_format_looks_and_what_it_loses() -> None:
    guide = (ROOT / "docs" / "guide" / "export.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `\w[\w-]*` \|.*$", guide, re.MULTILINE)
    assert rows == [
        f"| `{known.name}` | {known.title}: {known.arrangement} | {known.loses} |" for known in EXPORT_FORMATS.values()
    ]


def test_a_new_format_is_one_file_and_one_line(
    marked: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The example of CONTRIBUTING.md, "Adding a format that datasets are written in", as it stands there."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text[text.index("Adding a format that datasets") :]
    found = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert found is not None
    example: dict[str, Any] = {}
    exec(found[1], example)
    monkeypatch.setitem(EXPORT_FORMATS, "table", example["TABLE"])
    convert(marked, tmp_path / "out", "table")
    rows = (tmp_path / "out" / "boxes.csv").read_text().splitlines()
    assert len(rows) == 7
    assert "pixel.png,scratch,20,10,21,11" in rows
    assert len(list((tmp_path / "out" / "images").iterdir())) == 8
