from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest


def test_it_says_what_it_drew(tmp_path: Path, typed: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "steel"
    assert typed("demo-data", folder, "-n", 1) == 0
    assert capsys.readouterr().out.replace("\n", " ").startswith("3 images of 3 classes (patch, pit, scratch): ")
    assert typed("demo-data", folder, "-n", 2, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said == {"folder": str(folder), "classes": {"patch": 2, "pit": 2, "scratch": 2}, "seed": 0}
    assert len(list(folder.glob("*/*.png"))) == 6
