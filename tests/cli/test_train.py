from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Typed = Callable[..., int]


def test_training_tells_where_the_run_is_and_what_comes_next(
    typed: Typed, lines: Path, tiny: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed("train", lines, "--out", tmp_path / "run", "--kimg", "0.04", *tiny) == 0
    told = capsys.readouterr()
    assert told.out.splitlines()[0].startswith("trained 0.0 kimg in 0.")
    assert told.out.splitlines()[1] == f"next: flawforge generate {tmp_path / 'run'} -n 64"
    assert json.loads((tmp_path / "run" / "run.json").read_text())["recipe"]["batch"] == 4


def test_a_refiner_that_has_hardly_learnt_says_so(
    typed: Typed,
    draw_images: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("flawforge.cli.train.USUAL_SET", 2)
    words = ("--recipe", "native", "--kimg", "0.016", "--resolution", "16", "--channels", "1")
    assert typed("train", draw_images(tmp_path / "data" / "lines", 8).parent, "--out", tmp_path / "run", *words) == 0
    told = capsys.readouterr().out
    assert "So short a training changes composed images hardly" in told
    assert told.splitlines()[-1].endswith(f"{tmp_path / 'run'} -n 8")  # as many as there are to learn from


def test_json_and_resume(
    typed: Typed, lines: Path, tiny: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", str(lines), "--out", str(tmp_path / "run"), *tiny]
    assert typed(*words, "--kimg", "0.04", "--json") == 0
    assert json.loads(capsys.readouterr().out)["step"] == 10
    assert typed(*words, "--kimg", "0.08") == 1
    assert "already holds a run. Add --resume" in capsys.readouterr().err
    assert typed(*words, "--kimg", "0.08", "--resume", "--json") == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["step"] == 20
    assert "resuming at 0.0 kimg" in told.err


def test_a_toml_file_is_a_recipe(typed: Typed, lines: Path, tmp_path: Path) -> None:
    file = tmp_path / "small.toml"
    file.write_text(
        'name = "dcgan-lite"\nresolution = 16\ngenerator_depth = 2\ndiscriminator_depth = 2\nbatch = 4\nkimg = 0.04\n'
    )
    assert typed("train", lines, "--recipe", file, "--out", tmp_path / "run") == 0
    assert json.loads((tmp_path / "run" / "run.json").read_text())["steps"] == 10


def test_a_wrong_device_is_explained(
    typed: Typed, lines: Path, tiny: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed("train", lines, "--out", tmp_path / "run", "--device", "tpu", *tiny) == 1
    assert "--device tpu is no device; allowed: auto, cpu, cuda" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
