from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from flawforge.core.errors import DataUnusableError

Typed = Callable[..., int]
pytestmark = pytest.mark.usefixtures("quick_audit", "without_charts")


def times(folder: Path) -> dict[str, int]:
    files = [*folder.glob("checkpoints/*"), *folder.glob("synthetic/**/*.png"), folder / "records" / "audit.json"]
    return {str(file): file.stat().st_mtime_ns for file in files}


def test_without_data_it_explains_itself(typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("run") == 0
    shown = capsys.readouterr().out
    assert "does the whole job" in shown
    assert "flawforge run elpv" in shown


def test_the_whole_job_and_again_it_skips_what_is_done(
    typed: Typed, lines: Path, tiny: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", str(lines), "--out", str(tmp_path / "run"), "--kimg", "0.04", "-n", "6", *tiny]
    assert typed(*words) == 0
    told = capsys.readouterr()
    assert f"report: {tmp_path / 'run' / 'report.html'}" in told.out
    assert "lines: 8 lines; 8 different specimens" in told.err
    assert len(list((tmp_path / "run" / "synthetic" / "lines").glob("*.png"))) == 6
    before = times(tmp_path / "run")
    assert typed(*words, "--json") == 0
    assert json.loads(capsys.readouterr().out)["generated"] == 6
    assert times(tmp_path / "run") == before


def test_the_folder_is_named_after_the_data(
    typed: Typed, lines: Path, tiny: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert typed("run", lines, "--kimg", "0.02", "-n", "1", *tiny) == 0
    assert (tmp_path / "runs" / "lines" / "report.html").is_file()


def test_a_run_among_the_images_is_refused(
    typed: Typed, lines: Path, tiny: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its previews and generated images were once read as data."""
    monkeypatch.chdir(lines)
    assert typed("run", ".", "--kimg", "0.02", *tiny) == 1
    assert "would lie among the images in ., and its pictures would be taken for data" in capsys.readouterr().err
    assert not (lines / "runs").exists()


def test_a_part_that_fails_is_told_at_the_end(
    typed: Typed,
    lines: Path,
    tiny: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise DataUnusableError("the images are odd")

    monkeypatch.setattr("flawforge.whole_job.audit", fail)
    assert typed("run", lines, "--out", tmp_path / "run", "--kimg", "0.02", "-n", "2", *tiny) == 1
    told = capsys.readouterr().err.replace("\n", " ")
    assert "error: the images are odd" in told
    assert "The report was drawn without the audit" in told
