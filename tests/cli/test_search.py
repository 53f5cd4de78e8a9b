from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from flawforge.runs.searches import load_search

pytest.importorskip("optuna")


def test_a_search_prints_what_it_found_and_what_comes_next(
    typed: Callable[..., int], draw_images: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = draw_images(tmp_path / "data" / "lines", 60).parent, tmp_path / "search"
    (tmp_path / "tiny.toml").write_text(
        'name = "dcgan-lite"\ngenerator_depth = 2\ndiscriminator_depth = 2\nlatent = 8\nbatch = 4\n'
    )
    words = [
        "search",
        data,
        "--out",
        out,
        "--recipe",
        tmp_path / "tiny.toml",
        "--resolution",
        "16",
        "--extractor",
        "pixels",
        "--trials",
        "2",
        "--kimg",
        "0.04",
        "--settings",
        "generator-lr",
        "ema-kimg=0.1..1",
        "--confirmations",
        "0",
    ]
    assert typed(*words) == 0
    told = capsys.readouterr().out
    assert told.splitlines()[0].startswith("2 settings were tried, ")
    assert "ema-kimg" in told
    record = load_search(out)
    name = "dcgan-lite" if record.recipe == record.start else "tuned"
    assert f"next: flawforge train {data} --recipe {out / 'best.toml'} --out runs/{name}" in told
    (out / "search.html").unlink()
    assert typed("report", out) == 0
    assert capsys.readouterr().out.strip() == str(out / "search.html")
    assert (out / "search.html").is_file()
    assert typed(*words) == 1
    assert "Add --resume" in capsys.readouterr().err
    assert typed(*words, "--resume", "--json") == 0
    assert len(json.loads(capsys.readouterr().out)["trials"]) == 2
