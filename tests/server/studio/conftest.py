"""A folder with a run, a trial and a search in it, drawn, not trained; and the studio's application before it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from studio_folder import asking, leave_run, leave_trial

pytest.importorskip("fastapi", reason="needs the extra 'studio'")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with a run below ``runs``, a trial below ``trials``, and a search."""
    root = tmp_path / "work"
    leave_run(root / "runs" / "first")
    leave_trial(root / "trials" / "steel")
    (root / "searches" / "one" / "trials").mkdir(parents=True)
    (root / "searches" / "one" / "search.json").write_text("{}")
    return root


@pytest.fixture
def ask(folder: Path) -> Callable[..., Any]:
    """Give a function that asks the studio of `folder` for an address."""
    return asking(folder)
