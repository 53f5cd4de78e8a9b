from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import flawforge
from flawforge.cli import main as main_file
from flawforge.core.errors import DataUnusableError
from saved import lined, saved

Typed = Callable[..., int]


def test_help_lists_every_verb_with_a_line(typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("--help") == 0
    shown = capsys.readouterr().out
    for verb in ("run", "inspect", "train", "generate", "audit", "report", "recipes"):
        assert f" {verb} " in shown


@pytest.mark.parametrize("verb", ["run", "inspect", "train", "generate", "audit", "report", "recipes"])
def test_every_verb_teaches(verb: str, typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed(verb, "--help") == 0
    shown = capsys.readouterr().out
    assert len(shown.splitlines()) > 10
    assert "--json" in shown


def test_version(typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("--version") == 0
    assert capsys.readouterr().out.strip() == flawforge.__version__


def test_wrong_usage_is_2_with_the_near_word(typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("train", "data", "--out", "x", "--bach", "3") == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "wrong usage: Unknown option: --bach. Did you mean --batch" in told.err
    assert typed("trian") == 2
    assert typed("train") == 2


def test_what_was_noted_about_a_problem_is_told_with_it(
    typed: Typed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        problem = DataUnusableError("no such thing")
        problem.add_note("What is [whole] is kept.")
        raise problem

    monkeypatch.setattr("flawforge.data.inspection.inspect.load", fails)
    assert typed("inspect", "data") == 1
    assert capsys.readouterr().err == "error: no such thing\nWhat is [whole] is kept.\n"


def test_a_problem_is_1_and_explained_without_a_traceback(
    typed: Typed, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert typed("train", tmp_path / "nothing", "--out", tmp_path / "run") == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("error: there is no folder")
    assert "Traceback" not in told.err


def test_ctrl_c_outside_training_ends_quietly(
    typed: Typed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def pressed(*words: object, **more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(main_file, "_refuse_numbers", pressed)
    assert typed("recipes") == 1
    assert capsys.readouterr().err.strip() == "stopped."


def test_letters_that_the_terminal_lacks_are_no_traceback(
    typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three commands once ended in UnicodeEncodeError after the work was done."""
    saved(tmp_path / "fläche" / "grün×", lined(3, 20, 30))
    for more in ([], ["--json"]):
        written = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, "ascii"))
        assert typed("inspect", tmp_path / "fläche", "--classes", "grün×", *more) == 0
        sys.stdout.flush()
        assert rb"\xfc" in written.getvalue() or rb"\u00fc" in written.getvalue()
        assert not more or json.loads(written.getvalue())["classes"].keys() == {"grün×"}


def test_a_name_that_no_file_can_have_is_no_traceback(typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["audit", "x" * 5000], ["inspect", "x" * 5000], ["train", "x" * 5000, "--out", "y" * 5000]):
        assert typed(*words) == 1
        assert "File name too long" in " ".join(capsys.readouterr().err.split())


def test_a_value_that_begins_with_a_dash_is_said_how_to_type(
    typed: Typed, capsys: pytest.CaptureFixture[str], lines: Path
) -> None:
    for words, meant in (
        (["--classes", "-x"], "--classes=-x"),
        (["--classes", "lines", "-x"], "--classes=-x"),
        (["--classes=lines", "-x-y.5"], "--classes=-x-y.5"),
        (["--contact-sheet", "-d"], "--contact-sheet=-d"),
    ):
        assert typed("inspect", lines, *words) == 2
        assert f"A value that begins with a dash follows a =, as in {meant}\n" in capsys.readouterr().err
    for words in (["--json", "-x"], ["--tiles", "64", "-x"], ["--classes", "lines", "--jsn"]):
        assert typed("inspect", lines, *words) == 2
        assert "follows a =" not in capsys.readouterr().err
    assert typed("inspect", lines, "--classes=-x") == 1
    assert "there is no class '-x'" in capsys.readouterr().err


def test_a_setting_of_a_recipe_is_said_how_to_give_where_there_is_no_option() -> None:
    assert main_file._recipe_hint("Try smaller --generator-lr now.", ["trial", "x"]) == [
        "flawforge trial has no --generator-lr: write such settings into a file, as `generator_lr = ...`, and give it "
        "with --recipe FILE.toml."
    ]
    assert main_file._recipe_hint("Try smaller --generator-lr now.", ["train", "x"]) == []


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    command = f"{sys.executable} -m flawforge train --help | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr


def test_a_real_ctrl_c_in_training_says_how_to_go_on(lines: Path, tiny: list[str], tmp_path: Path) -> None:
    """cyclopts once swallowed it and left with 130 and no word."""
    words = [sys.executable, "-m", "flawforge", "run", str(lines), "--out", str(tmp_path / "run"), *tiny]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "run" / "history.jsonl").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    told = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert "everything is saved in" in told
    assert "To resume, run the same command again.\n" in " ".join(told.split()) + "\n"  # run has no need of --resume
    assert "Traceback" not in told
