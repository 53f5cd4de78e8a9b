"""A run's page: what nothing was trained for, and a verdict on images that are no longer there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flawforge.core.images import encode_png
from flawforge.core.rejections import write_rejections
from flawforge.runs.folder import STRIPS_SHEET, Run
from flawforge.runs.generator.curation import curate
from flawforge.server.studio.shown_run import ShownRun, page_facts
from flawforge.server.studio.shown_set import ShownSet
from studio_folder import asking, leave_run


@pytest.mark.parametrize(("design", "sheet"), [("compose", "composed.png"), ("copy-paste", "placed.png")])
def test_what_was_not_trained_shows_its_examples_and_no_game(tmp_path: Path, design: str, sheet: str) -> None:
    import numpy as np

    folder = leave_run(tmp_path / "run", steps=0, previews=0)
    settings = json.loads((folder / "run.json").read_text())
    settings["recipe"]["design"] = design
    (folder / "run.json").write_text(json.dumps(settings))
    (folder / "previews" / sheet).write_bytes(encode_png(np.zeros((8, 8), np.uint8), "L"))
    shown = ShownRun(folder)
    assert shown.now()["previews"] == [sheet]
    facts = page_facts(shown.run)
    assert (facts["learns"], facts["strips"]) == (False, "")
    assert "Size in training" not in dict(facts["rows"])
    assert "Explore from here" not in asking(folder)("/images").text
    (folder / "previews" / STRIPS_SHEET).touch()
    assert page_facts(shown.run)["strips"] == STRIPS_SHEET


def test_a_run_says_how_many_of_its_masks_nobody_drew(tmp_path: Path) -> None:
    run = Run(leave_run(tmp_path / "run"))
    assert "Masks" not in dict(page_facts(run)["rows"])
    run.estimated_masks.write_text(json.dumps({"format": 1, "images": {"a": [], "b": []}}))
    assert dict(page_facts(run)["rows"])["Masks"] == "of 2 images estimated, not drawn"


def test_an_audit_of_other_images_is_not_shown_as_one_of_these(tmp_path: Path) -> None:
    folder = leave_run(tmp_path / "run")
    images = folder / "synthetic" / "dent"
    images.mkdir(parents=True)
    lines = [
        {"file": f"dent/dent_{i:06}.png", "class": "dent", "seed": 0, "index": i, "checkpoint": "a", "sha256": str(i)}
        | {"width": 8, "height": 8, "mode": "L"}
        for i in range(3)
    ]
    for one in lines:
        (folder / "synthetic" / str(one["file"])).write_bytes(b"")
    (folder / "synthetic" / "manifest.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    facts = {"format": 1, "n": 3, "classes": {"dent": 3}, "complete": True, "layout": "classes", "seed": 0}
    (folder / "synthetic" / "set.json").write_text(json.dumps(facts))
    of = curate(folder).fingerprint
    record = {"sentence": "No copying detected.", "inputs": {"synthetic": of}}
    (folder / "records" / "audit.json").write_text(json.dumps(record))
    assert _audit(folder) == "No copying detected."
    curate(folder, reject=["dent/1"])
    assert _audit(folder).startswith("Of an earlier set or choice of images")


def test_what_is_rejected_elsewhere_is_news(tmp_path: Path) -> None:
    run = Run(leave_run(tmp_path / "run"))
    run.synthetic.mkdir()
    shown = ShownSet(run.path)
    assert (shown.now(), shown.news()) == ({"rejected": []}, {})
    write_rejections(run.synthetic, ["dent/1.png"])
    assert (shown.news(), shown.news()) == ({"rejected": ["dent/1.png"]}, {})
    (run.synthetic / "rejected.json").write_text("{")
    assert shown.news() == {"rejected": []}


def _audit(folder: Path) -> str:
    return next(str(part["text"]) for part in ShownRun(folder).now()["parts"] if part["what"] == "audit")


def test_what_was_composed_before_a_training_is_found_from_its_page(tmp_path: Path) -> None:
    folder = leave_run(tmp_path / "run")
    assert [part["what"] for part in ShownRun(folder).now()["parts"]] == []
    leave_run(folder / "composed")
    assert [part["what"] for part in ShownRun(folder).now()["parts"]] == ["composed"]
