"""The page of images from another tool."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import flawforge
from flawforge.core.errors import RunNotFoundError
from flawforge.data.dataset import Dataset
from flawforge.runs.judged.judgements import begin_judgement
from foreign_sets import as_jpeg, folder


@pytest.fixture
def judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FLAWFORGE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(Dataset, "groups", lambda self, progress=None: np.arange(len(self), dtype=np.int64))
    real, made = folder(tmp_path / "real", range(20)), folder(tmp_path / "made", range(100, 114), as_jpeg)
    flawforge.score(real, synthetic=made, out=tmp_path / "out", extractor="pixels", pictures=2)
    return tmp_path / "out"


@pytest.mark.usefixtures("quick_audit")
def test_the_page_shows_what_was_levelled_and_both_results(judged: Path, tmp_path: Path) -> None:
    score = judged / "records" / "score.json"
    score.write_text(json.dumps({**json.loads(score.read_text()), "data_warnings": ["A label must be wrong."]}))
    page = flawforge.report(judged)
    assert page == judged / "judgement.html"
    assert page.read_text().count('<p class="warning">A label must be wrong.</p>') == 1
    text = page.read_text()
    assert "all encoded as JPEG of quality 70" in text
    assert "By the usual conventions, over all images at once (20 real, 14 generated): FID" in text
    assert "Not measured: there is no audit yet." in text
    assert f"flawforge audit DATA --synthetic DIR --out {judged}" in text
    flawforge.audit(tmp_path / "real", synthetic=tmp_path / "made", out=judged)
    both = flawforge.report(judged).read_text()
    assert "Not measured: there is no audit" not in both
    assert json.loads((judged / "records" / "audit.json").read_text())["sentence"] in both
    assert both == flawforge.report(judged).read_text()
    unknown = both.partition('<section id="nearest">')[2].partition("</section>")[0]
    assert "Distance to the nearest real image" in unknown
    told = unknown.replace("closer to the training images than held-out", "").replace("its training images", "")
    assert "raining image" not in told, "nobody said which of the real images training saw"
    for option in ("train", "held_out"):
        other = {"train": range(10), "held_out": range(10, 20)}[option]
        flawforge.audit(
            tmp_path / "real", synthetic=tmp_path / "made", out=judged, **{option: folder(tmp_path / option, other)}
        )
        assert "Distance to the nearest training image" in flawforge.report(judged).read_text()


def test_a_damaged_record_is_told_and_an_empty_folder_refused(judged: Path, tmp_path: Path) -> None:
    (judged / "records" / "score.json").write_text("{}")
    assert "score.json has format None" in flawforge.report(judged).read_text()
    begin_judgement(tmp_path / "empty")
    with pytest.raises(RunNotFoundError, match="holds no result yet"):
        flawforge.report(tmp_path / "empty")
