"""``flawforge predict``, after ``flawforge trial``: what they print, and what they refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import trial_material as material

pytestmark = pytest.mark.usefixtures("own_groups")

Typed = Callable[..., int]
SETTINGS = {"shots": 4, "repeats": 1, "resolution": 32, "steps": 6, "batch": 12, "folds": 0, "workers": 1}
WORDS = [str(word) for name, value in SETTINGS.items() for word in (f"--{name}", value)]
WORDS += ["--arms", "real,classical", "--models", "small-cnn"]


def test_from_a_trial_to_a_table_of_a_new_folder(
    typed: Typed, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    material.draw_dataset(tmp_path / "photos", 12)
    material.draw_dataset(tmp_path / "fresh", 3, seed=4)
    (tmp_path / "fresh" / "dots" / "000.png").write_bytes(b"nothing")
    assert typed("trial", "photos", "--out", "out", *WORDS) == 0
    told = capsys.readouterr().out
    assert "model to keep: out/model/small-cnn (classical; balanced accuracy " in told
    assert "use it: flawforge predict out IMAGES" in told
    page = (tmp_path / "out" / "report.html").read_text()
    assert 'id="model"' in page
    assert "The model to keep" in page
    assert "flawforge predict out IMAGES" in page

    assert typed("predict", "out", "fresh") == 0
    told = capsys.readouterr().out
    assert told.startswith("8 images: dots ")
    for part in (
        "on 8 images of known class, each taken for a specimen of its own: balanced accuracy ",
        "true class (rows) and predicted class:",
        "what thresholds cost (taken for the class from this probability on; per 100 images):",
        "- not read: dots/000.png is a text file, no image",
        "folder: predictions/fresh (predictions.csv, doubtful.png)",
    ):
        assert part in told
    assert typed("predict", "out", "fresh") == 1
    assert "Add --overwrite to replace it" in " ".join(capsys.readouterr().err.split())
    assert typed("predict", "out/model/small-cnn", "fresh", "--overwrite", "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert len(record["images"]) == 8
    assert record["model"] == "out/model/small-cnn"

    assert typed("trial", "photos", "--out", "bare", *WORDS, "--no-model") == 0
    assert "model to keep" not in capsys.readouterr().out
    assert 'id="model"' not in (tmp_path / "bare" / "report.html").read_text()
    assert typed("predict", "bare", "fresh", "-o", "elsewhere") == 1
    assert "has left no model" in " ".join(capsys.readouterr().err.split())
