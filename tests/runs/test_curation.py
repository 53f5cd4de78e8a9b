"""Rejected images of a synthetic set are left out by everything that reads it, and come back when they are kept."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flawforge.core.errors import FolderBusyError, RunBrokenError, RunNotFoundError, SettingError
from flawforge.core.locks import FolderLock
from flawforge.data.reading.load import load
from flawforge.runs.generator.curation import curate
from flawforge.runs.set_files import LOCK, read_facts
from flawforge.studies.export import export
from flawforge.studies.sets import SyntheticSet, as_dataset
from flawforge.studies.synthesis import generate
from heard import Heard


@pytest.fixture
def run(make_run: Any, draw_images: Any, tmp_path: Path) -> Any:
    """A run with 4 images of each of two classes."""
    for label in ("dents", "scratches"):
        draw_images(tmp_path / "data" / label, 4)
    made = make_run(tmp_path / "data", design="fewshot", resolution=32, latent=8)
    generate(made, 4)
    return made


def test_what_is_rejected_is_left_out_everywhere_and_said(run: Any, tmp_path: Path) -> None:
    whole = SyntheticSet.open(run)
    files = curate(run, reject=["dents/1", "scratches_000003"])
    assert files.rejected == {"dents/dents_000001.png", "scratches/scratches_000003.png"}
    assert (files.facts["n"], files.facts["classes"]) == (6, {"dents": 3, "scratches": 3})
    left = SyntheticSet.open(run)
    assert left.notes == [
        "Chosen by hand: 2 of 8 images were rejected. What follows holds for this choice, not for all that the "
        "generator makes."
    ]
    assert left.fingerprint != whole.fingerprint
    assert {entry.file for entry in whole.entries()} - {entry.file for entry in left.entries()} == files.rejected
    assert len(as_dataset(run)) == 6
    export(run, tmp_path / "out", "imagefolder")
    assert len(list((tmp_path / "out").rglob("*.png"))) == 6
    assert json.loads((tmp_path / "out" / "export.json").read_text())["chosen_by_hand"] == str(left.by_hand)
    data = load(run.synthetic)  # as `audit DATA --synthetic` and `trial --synthetic` read it
    assert (len(data), [one.reason[:20] for one in data.broken]) == (6, ["was rejected by hand"] * 2)
    assert (run.synthetic / "dents/dents_000001.png").is_file()
    assert curate(run, keep=["all"]).by_hand.rejected == 0
    assert SyntheticSet.open(run).fingerprint == whole.fingerprint
    assert not (run.synthetic / "rejected.json").exists()


def test_sync_and_more_images_leave_the_rejected_ones_rejected(run: Any) -> None:
    curate(run, reject=["dents/1"])
    (run.synthetic / "scratches/scratches_000000.png").unlink()
    heard = Heard()
    generate(run, sync=True, progress=heard)
    assert heard.said[-1].endswith("lists the 7 images that are there; chosen by hand: 1 of 8 images was removed")
    assert read_facts(run.synthetic)["n"] == 7
    assert str(SyntheticSet.open(run).by_hand) == "1 of 8 images was rejected and 1 of 8 images was removed"
    assert str(curate(run, keep=["dents/1"]).by_hand) == "1 of 8 images was removed"
    generate(run, 4, overwrite=True)
    curate(run, reject=["dents/1"])
    assert len(generate(run, 5)) == 9
    assert len(generate(run, 3, seed=1, overwrite=True)) == 6  # another set: nothing of it was rejected


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["1"], "'1' may be dents/dents_000001.png or scratches/scratches_000001.png. Name it as class/number"),
        (["dents/9"], "there is no image 'dents/9' in"),
        (["../../data/dents/dents_000.png"], "there is no image"),
        ([f"{label}/{i}" for label in ("dents", "scratches") for i in range(4)], "would reject all 8 images"),
    ],
)
def test_what_is_no_image_is_refused_and_nothing_is_changed(run: Any, words: list[str], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        curate(run, reject=["dents/0", *words])
    assert not (run.synthetic / "rejected.json").exists()


def test_an_image_is_not_kept_and_rejected_at_once(run: Any) -> None:
    with pytest.raises(SettingError, match=r"dents/dents_000001.png is both to be rejected and to be kept"):
        curate(run, reject=["dents/1"], keep=["dents/1", "dents/2"])
    assert curate(run, reject=["dents/1"], keep=["all"]).rejected == {"dents/dents_000001.png"}


def test_one_writer_at_a_time_and_damaged_files_are_named(run: Any, tmp_path: Path) -> None:
    with FolderLock(run.synthetic, LOCK, "flawforge generate"), pytest.raises(FolderBusyError, match="generate"):
        curate(run.path, reject=["dents/0"])
    for text in ("[]", '{"format": 1, "files": [1]}', '{"format": 9, "files": []}'):
        (run.synthetic / "rejected.json").write_text(text)
        with pytest.raises(RunBrokenError, match="no list of rejected images that this version reads"):
            SyntheticSet.open(run)
    with pytest.raises(RunNotFoundError):
        curate(tmp_path / "data")


def test_it_needs_no_torch() -> None:
    code = "import sys, flawforge; flawforge.curate; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
