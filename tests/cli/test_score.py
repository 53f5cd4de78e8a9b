"""``flawforge score``: what it prints, and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flawforge.studies.synthesis.run import generate

pytestmark = pytest.mark.usefixtures("own_cache", "own_groups")

Typed = Callable[..., int]


def test_it_prints_the_sentence_the_numbers_and_what_comes_next(
    typed: Typed, make_run: Any, draw_images: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(draw_images(tmp_path / "data" / "dents", 16))
    generate(run, 14)
    assert typed("score", run.path, "--pictures", 0) == 0
    printed = capsys.readouterr().out
    record = json.loads((run.records / "score.json").read_text())
    assert printed.splitlines()[0] == record["sentence"]
    assert "effnet-lite0 stage 5; means of 40 random halves with 8 images each" in printed
    lines = [line for line in printed.splitlines() if " is better)" in line]
    assert [line.split(" (")[0].strip() for line in lines] == [
        "Kernel distance",
        "Fréchet distance",
        "Coverage",
        "Recall",
        "Precision",
        "Density",
        "Power spectrum, dB",
        "Gray-level histogram, gray levels",
    ]
    assert printed.endswith(f"record: {run.records / 'score.json'}\nnext: flawforge report {run.path}\n")


def test_json_is_the_record(typed: Typed, make_run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run()
    generate(run, 4)
    assert typed("score", run.path, "--extractor", "pixels", "--seed", 3, "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((run.records / "score.json").read_text())
    assert printed["sentence"] == ("Inconclusive: there are only 4 generated images, and at least 12 are needed.")


def test_an_unknown_extractor_is_explained(typed: Typed, make_run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("score", make_run().path, "--extractor", "pixel") == 1
    assert "Did you mean 'pixels'?" in " ".join(capsys.readouterr().err.split())
