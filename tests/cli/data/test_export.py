"""``flawforge export``: what it prints, and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Typed = Callable[..., int]


@pytest.fixture
def run(make_run: Any, typed: Typed, capsys: pytest.CaptureFixture[str]) -> Path:
    path: Path = make_run().path
    assert typed("generate", path, "-n", "4") == 0
    capsys.readouterr()
    return path


def test_it_says_what_it_wrote(run: Path, typed: Typed, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert typed("export", run, "--format", "hf", "--out", out, "--with-real", "--share", "0.25") == 0
    shown = capsys.readouterr().out
    assert shown == f"wrote 16 images (12 real, 4 synthetic) as hf: 16 scratches; 16 in train\nfolder: {out}\n"
    assert typed("export", run, "--format", "coco", "--out", out) == 1
    assert "already holds a dataset export. Add --overwrite" in capsys.readouterr().err
    assert typed("export", run, "--format", "coco", "--out", out, "--overwrite", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["format"], printed["images"], printed["written"]) == ("coco", 4, True)


def test_a_dry_run_lists_and_writes_nothing(
    run: Path, typed: Typed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed("export", run, "--format", "webdataset", "--out", tmp_path / "out", "--dry-run") == 0
    assert capsys.readouterr().out.splitlines()[:2] == ["train-000000.tar", "classes.txt"]
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_no_run_is_explained(typed: Typed, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("export", tmp_path / "nowhere", "--format", "coco", "--out", tmp_path / "out") == 1
    assert "there is no folder" in capsys.readouterr().err


def test_generate_exports_too(run: Path, typed: Typed, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("generate", run, "-n", "6", "--format", "yolo", "--out", tmp_path / "out") == 0
    shown = capsys.readouterr().out
    assert shown == (
        f"generated 6 scratches: {run / 'synthetic'}\nexported as yolo: {tmp_path / 'out'}\n"
        f"next: flawforge audit {run}\n"
    )
    assert len(list((tmp_path / "out" / "images" / "train").iterdir())) == 6


def test_the_lines_of_the_guide_run(
    run: Path, typed: Typed, draw_images: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each line of docs/guide/export.md, in its order, on a run and a folder of these names."""
    guide = (Path(__file__).parents[3] / "docs" / "guide" / "export.md").read_text(encoding="utf-8")
    lines = [line for line in guide.splitlines() if line.startswith("flawforge ")]
    assert len(lines) == 3
    monkeypatch.chdir(tmp_path)
    assert typed("generate", run, "-n", "6") == 0
    Path("runs").mkdir()
    run.rename("runs/first")
    for number, label in enumerate(("scratches", "good")):
        draw_images(Path("photos") / label, 4, seed=number)
    for line in lines:
        assert typed(*line.split()[1:]) == 0, line
    assert {path.name for path in tmp_path.iterdir()} >= {"first-folders", "first-coco", "photos-yolo"}
