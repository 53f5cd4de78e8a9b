"""Four processes in one run folder: nothing is doubled, nothing lost."""

from __future__ import annotations

import json
import multiprocessing
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import flawforge
from flawforge.core.files import sha256_file
from flawforge.runs.checkpoint import list_checkpoints, newest_checkpoint
from flawforge.runs.folder import Run
from flawforge.runs.history import History
from flawforge.studies.sets import SyntheticSet, as_dataset
from one_hand import STEP_KIMG, hand


def four_hands(make: Callable[..., Any], draw_images: Any, tmp_path: Path, seconds: float) -> dict[str, int]:
    """Let four processes, or threads, which locks keep apart as well, work in one run folder."""
    data = draw_images(tmp_path / "data" / "scratches", 10).parent
    small = {"resolution": 16, "generator_depth": 2, "discriminator_depth": 2, "latent": 8, "batch": 4, "ema_kimg": 0}
    run = flawforge.train(data, tmp_path / "run", "dcgan-lite", kimg=STEP_KIMG, previews=0, **small)
    flawforge.generate(run, 4)
    report, until = multiprocessing.get_context("forkserver").Queue(), time.time() + seconds
    works = ("generate", "generate", "train", "audit")
    hands = [make(target=hand, args=(work, data, run.path, until, seed, report)) for seed, work in enumerate(works)]
    for one in hands:
        one.start()
    found = [report.get(timeout=seconds + 250) for _ in works]
    for one in hands:
        one.join()
        assert getattr(one, "exitcode", 0) == 0
    assert [text for *_, broken in found for text in broken] == []
    check(run)
    return {f"{number} {work}": done for number, (work, done, *_) in enumerate(found)}


def check(run: Run) -> None:
    """Hold every part of the folder to what it says of itself."""
    flawforge.generate(run, 12, overwrite=True)
    opened = SyntheticSet.open(run)
    entries = list(opened.entries())
    assert (len(entries), len({entry.file for entry in entries}), bool(opened.by_hand)) == (12, 12, False)
    assert (run.synthetic / "manifest.jsonl").read_text().count("\n") == 12
    assert all(sha256_file(run.synthetic / entry.file) == entry.sha256 for entry in entries)
    assert len(as_dataset(run)) == 12
    steps = [line["step"] for line in History(run.history_file).steps()]
    assert steps == sorted(set(steps))
    newest, listed = newest_checkpoint(run), list_checkpoints(run)
    assert newest is not None
    assert newest.step == listed[-1].step
    assert {path.stem for path in run.checkpoints.glob("step_*")} == {one.path.stem for one in listed}
    if (run.records / "audit.json").exists():
        audit = json.loads((run.records / "audit.json").read_text())
        assert all((run.path / pair["picture"]).is_file() for pair in audit["pairs"] if pair.get("picture"))
    assert not list(run.path.rglob("*.part"))


@pytest.mark.usefixtures("quick_audit")
def test_four_hands_for_a_moment(draw_images: Any, tmp_path: Path) -> None:
    done = four_hands(threading.Thread, draw_images, tmp_path, 0.5)
    assert min(done.values()) >= 1


@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_four_processes_for_two_minutes(draw_images: Any, tmp_path: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["flawforge.studies.copies", "flawforge.studies.synthesis"])
    done = four_hands(context.Process, draw_images, tmp_path, 120)
    assert min(done.values()) >= 1
    print(done)
