"""``flawforge trial``: what it prints, and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
from cyclopts import App, Parameter

import trial_material as material
from flawforge.cli.flags import NONE_GIVEN, TrialFlags, given
from flawforge.cli.trial import _table
from flawforge.runs.trials import TrialRecord

pytestmark = pytest.mark.usefixtures("own_cache", "own_groups")

Typed = Callable[..., int]
SMALL = [
    "--generator",
    "trial_material:oracle",
    "--model",
    "trial_material:small_network",
    "--arms",
    "classical,generated",
    "--shots",
    "4",
    "--resolution",
    "32",
    "--batch",
    "8",
    "--made",
    "8",
    "--folds",
    "0",
    "--policy",
    "none",
    "--steps",
    "8",
    "--workers",
    "1",
]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return material.draw_dataset(tmp_path / "photos", 12)


def test_the_plan_says_how_long_and_trains_no_generator(
    typed: Typed, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed("trial", photos, "--out", tmp_path / "out", *SMALL, "--seeds", 3, "--plan", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["cells"] == 9
    assert told["seeds"] == 3
    assert told["seconds"] > 0
    assert 0 < told["detectable"] < 1
    assert "The trial has 90% power to detect a gain of " in told["sentence"]
    assert not (tmp_path / "out" / "cells").exists()


def test_the_good_class_is_named_and_told(
    typed: Typed, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["trial", photos, "--out", tmp_path / "out", *SMALL, "--seeds", 1, "--task", "good"]
    assert typed(*words) == 1
    assert "Name the class of good images: --good NAME" in " ".join(capsys.readouterr().err.split())
    assert typed(*words, "--good", "waves", "--json") == 0
    told = capsys.readouterr()
    assert "good images: class waves; defective: dots, stripes" in told.err
    protocol = json.loads(told.out)["protocol"]
    assert protocol["classes"] == ["waves", "defective"]
    assert "Images of class waves count as good, those of dots, stripes as defective." in protocol["steps_taken"]


def test_it_prints_the_verdict_the_arms_and_where_the_record_is(
    typed: Typed, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed("trial", photos, "--out", tmp_path / "out", *SMALL, "--seeds", 2) == 0
    shown = capsys.readouterr().out
    assert shown.splitlines()[0] == "Too early for a verdict: it takes 3 complete repeats."
    assert "4 images per class, trial_material:small_network: balanced accuracy in %" in shown
    assert "classical" in shown
    assert (tmp_path / "out" / "records" / "trial.json").is_file()
    page = tmp_path / "out" / "report.html"
    drawn = page.read_bytes()
    page.unlink()
    assert typed("report", tmp_path / "out") == 0
    assert page.read_bytes() == drawn
    assert "<h1>Too early for a verdict</h1>" in page.read_text()  # two repeats
    capsys.readouterr()
    assert typed("trial", photos, "--out", tmp_path / "out", *SMALL, "--seeds", 2, "--json", "--resume") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["kind"] == "trial"
    assert "mean of 2 repeats and 95% CI\n" in _table(TrialRecord.model_validate(told))
    for result in told["results"]:
        result["seeds"] = [0]
        result["metrics"]["balanced accuracy"] |= {"low": None, "high": None}  # as one repeat has it
    assert "mean of 1 repeat\n" in _table(TrialRecord.model_validate(told))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--shots", "five"], "cannot be 'five'"),
        (["--arms", "classical,genrated"], "no arm 'genrated'. Did you mean 'generated'"),
        (["--minutes", "0"], "--minutes is 0"),
        (["--resume"], "there is no folder"),
    ],
)
def test_what_is_wrong_is_said_and_the_exit_code_is_1(
    typed: Typed, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    flags = {"--shots": "4", "--arms": "classical,generated"}
    rest = [word for word in SMALL if not (words[0] in flags and word in (words[0], flags[words[0]]))]
    assert typed("trial", photos, "--out", tmp_path / "out", *rest, *words) == 1
    assert message in " ".join(capsys.readouterr().err.split())


def test_lists_are_written_with_commas_or_spaces() -> None:
    app = App(result_action="return_value")

    @app.default
    def take(*, settings: Annotated[TrialFlags, Parameter(name="*")] = NONE_GIVEN) -> dict[str, Any]:
        return given(settings)

    wanted = {"shots": ("3", "5"), "arms": ("classical", "generated")}
    assert app(["--shots", "3,5", "--arms", "classical,generated"]) == wanted
    assert app(["--shots", "3", "5", "--arms", "classical", "generated"]) == wanted
    assert app(["--shots", "3", "--shots", "5"]) == {"shots": ("3", "5")}
