"""A folder that holds something else is refused before any image is read, and after the settings were looked at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flawforge.core.folder_kinds import Kind
from marked_folder import hold

Typed = Callable[..., int]


@pytest.mark.parametrize(
    ("verb", "there"),
    [
        (["train"], "trial"),
        (["train", "--resume"], "trial"),
        (["train"], "search"),
        (["run"], "trial"),
        (["run"], "search"),
        (["trial"], "run"),
        (["trial"], "search"),
        (["trial", "--plan"], "run"),
        (["trial", "--resume"], "run"),
        (["search"], "run"),
        (["search", "--resume"], "trial"),
    ],
    ids=" ".join,
)
def test_a_folder_of_another_kind_is_refused_at_once(
    typed: Typed, tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: list[str], there: Kind
) -> None:
    if verb[0] == "search":
        pytest.importorskip("optuna")
    folder = hold(tmp_path / "x", there)
    before = {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]}
    assert typed(verb[0], tmp_path / "no such data", "--out", folder, *verb[1:]) == 1
    assert f"x holds a {there}, and a {'run' if verb[0] == 'train' else verb[0]} needs a folder of its own; " in told(
        capsys
    )
    assert {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]} == before


@pytest.mark.parametrize(
    ("verb", "words", "message"),
    [
        ("train", ["--seed", "-1"], "--seed is -1; it is a whole number, from 0"),
        ("train", ["--minutes", "-1"], "--minutes is -1; it is a time in minutes, above 0, up to 525,600"),
        ("train", ["--generator-lr", "-1"], "--generator-lr cannot be '-1'; allowed: above 0"),
        ("train", ["--recipe", "fewshott"], "Did you mean 'fewshot'"),
        ("run", ["--seed", "-1"], "--seed is -1; it is a whole number, from 0"),
        ("run", ["-n", "-5"], "-n is -5; it is a number of images per class, 1 to 10,000,000"),
        ("trial", ["--seed", "-1"], "--seed cannot be '-1'; allowed: from 0"),
        ("inspect", ["--seed", "-1"], "--seed is -1; it is a whole number, from 0"),
        ("search", ["--seed", "-1"], "--seed is -1; it is a whole number, from 0"),
        ("search", ["--settings", "generator-lrr"], "'generator-lrr' cannot be searched. Did you mean 'generator-lr'?"),
    ],
)
def test_settings_are_looked_at_before_the_folder_and_the_data(
    typed: Typed, tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: str, words: list[str], message: str
) -> None:
    if verb == "search":
        pytest.importorskip("optuna")
    folder = hold(tmp_path / "x", "search" if verb != "search" else "trial")
    out = [] if verb == "inspect" else ["--out", folder]
    assert typed(verb, tmp_path / "no such data", *out, *words) == 1
    assert message in told(capsys)


def test_a_run_that_is_there_is_told_before_the_images_are_read(
    typed: Typed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed("train", tmp_path / "no such data", "--out", hold(tmp_path / "x", "run")) == 1
    assert "x already holds a run. Add --resume" in told(capsys)


@pytest.mark.parametrize("verb", ["train", "run"])
def test_more_shots_than_there_are_images_are_refused_before_anything_is_written(
    typed: Typed, lines: Path, tiny: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    words = [verb, lines, "--out", tmp_path / "run", "--kimg", "0.02", *tiny]
    assert typed(*words, "--shots", "9") == 1
    assert "--shots is 9, and no class has so many images: class 'lines' has 8." in told(capsys)
    assert not (tmp_path / "run").exists()


def told(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().err.split())
