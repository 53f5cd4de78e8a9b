"""``flawforge audit`` and ``flawforge score`` of images from other tools."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from foreign_sets import as_jpeg, folder

pytestmark = pytest.mark.usefixtures("own_cache", "own_groups")

Typed = Callable[..., int]


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    return folder(tmp_path / "real", range(16)), folder(tmp_path / "made", range(100, 114), as_jpeg)


def test_a_score_without_out_is_printed_and_said_not_to_be_kept(
    typed: Typed, folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    real, made = folders
    assert typed("score", real, "--synthetic", made, "--extractor", "pixels") == 0
    printed = capsys.readouterr().out.splitlines()
    assert "from the real ones" in printed[0]
    assert "levelled before comparing  real  generated" in printed
    assert "  file format              PNG   JPEG, quality 70  all encoded as JPEG of quality 70" in " ".join(printed)
    assert printed[-1] == "This score is not kept. To keep it, add --out DIR."
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made", "real"]


def test_json_holds_fid_and_kid_and_out_keeps_the_record(
    typed: Typed, folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    real, made = folders
    out = tmp_path / "out"
    assert typed("score", real, "--synthetic", made, "--extractor", "pixels", "--out", out, "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((out / "records" / "score.json").read_text())
    assert {"fid", "kid", "n", "n_reference"} == printed["usual"].keys()
    assert typed("report", out) == 0
    assert capsys.readouterr().out.strip() == str(out / "judgement.html")


def test_where_nothing_can_be_written_is_said_before_the_work(
    typed: Typed, folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    real, made = folders
    assert typed("audit", real, "--synthetic", made, "--out", real / "00000.png") == 1
    assert "is a file; --out takes a folder" in " ".join(capsys.readouterr().err.split())


def test_a_folder_of_images_alone_gets_the_whole_command(
    typed: Typed, folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed("score", folders[0]) == 1
    assert f"flawforge score {folders[0]} --synthetic DIR" in " ".join(capsys.readouterr().err.split())
