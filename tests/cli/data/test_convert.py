"""``flawforge convert``: what it prints, and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from flawforge.cli.data.exporting import FormatName
from flawforge.data.writing.formats import EXPORT_FORMATS

Typed = Callable[..., int]


def test_it_says_what_it_wrote(typed: Typed, lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("convert", lines, "--format", "imagefolder", "--out", tmp_path / "out") == 0
    shown = capsys.readouterr().out
    assert shown == f"wrote 8 images (8 real) as imagefolder: 8 lines; 8 in train\nfolder: {tmp_path / 'out'}\n"


def test_a_dry_run_lists_the_files(
    typed: Typed, lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed("convert", lines, "--format", "yolo", "--out", tmp_path / "out", "--dry-run") == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[:2] == ["images/train/00.png", "labels/train/00.txt"]
    assert "would write 8 images (8 real) as yolo: 8 lines; 8 in train" in shown
    assert any(line.startswith("- 8 images have a class but no box and no mask") for line in shown)
    assert not (tmp_path / "out").exists()


def test_json_is_the_result(typed: Typed, lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("convert", lines, "--format", "coco", "--out", tmp_path / "out", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    expected = {"folder", "format", "images", "classes", "origins", "parts", "notes", "files", "written"}
    assert printed.keys() == expected
    assert (printed["images"], printed["origins"], printed["files"]) == (8, {"real": 8}, 11)


def test_the_words_of_reading_are_taken(
    typed: Typed, lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in lines.iterdir():
        path.rename(path.with_name(f"dent_{path.name}"))
    words = (
        "convert",
        lines,
        "--format",
        "imagefolder",
        "--out",
        tmp_path / "out",
        "--classes-from",
        "names",
        "--json",
    )
    assert typed(*words) == 0
    assert json.loads(capsys.readouterr().out)["classes"] == {"dent": 8}


def test_a_problem_is_explained(typed: Typed, lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("convert", lines, "--format", "coco", "--out", lines) == 1
    assert "holds files that belong to no export" in capsys.readouterr().err
    assert typed("convert", lines, "--format", "cocoa", "--out", tmp_path / "out") == 2
    assert typed("convert", lines, "--out", tmp_path / "out") == 2


def test_every_format_is_a_word_of_the_option() -> None:
    assert set(FormatName.__args__) == set(EXPORT_FORMATS)  # type: ignore[attr-defined]
