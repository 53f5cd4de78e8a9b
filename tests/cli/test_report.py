import json
from pathlib import Path

import pytest

from flawforge.cli.report import report
from flawforge.runs.folder import Run
from flawforge.runs.run_settings import RunSettings


def test_it_prints_the_path_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Run.create(tmp_path / "a [b] run", RunSettings(command="x"))
    report(tmp_path / "a [b] run")
    assert capsys.readouterr().out == f"{tmp_path / 'a [b] run' / 'report.html'}\n"


def test_json_and_another_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Run.create(tmp_path / "run", RunSettings())
    out = tmp_path / "pages" / "first.html"
    report(tmp_path / "run", out=out, json=True)
    assert json.loads(capsys.readouterr().out) == {"report": str(out)}
    assert out.is_file()


def test_open_shows_the_page_in_the_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    Run.create(tmp_path / "run", RunSettings())
    report(tmp_path / "run", open=True)
    assert opened == [(tmp_path / "run" / "report.html").as_uri()]
