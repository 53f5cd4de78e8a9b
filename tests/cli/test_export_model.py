"""``flawforge export-model``: what it prints."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest


def test_it_names_the_file_the_card_and_the_licence(
    typed: Callable[..., int], make_run: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run()
    assert typed("export-model", str(run.path), "--licence", "internal") == 0
    told = capsys.readouterr().out
    assert told.startswith(f"{run.path}/exported/generator.onnx: scratches\n")
    assert "licence of the training images: internal\n" in told
    assert typed("export-model", str(run.path), "--overwrite", "--json") == 0
    assert json.loads(capsys.readouterr().out)["classes"] == ["scratches"]
    assert typed("report", str(run.path)) == 0
    page = (run.path / "report.html").read_text()
    assert "Exported for other programs" in page
    assert "Licence of the training images</th><td>not stated" in page
