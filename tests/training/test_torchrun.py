"""Two real processes, started by torchrun, over gloo."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from flawforge.runs.checkpoint import require_checkpoint
from flawforge.runs.folder import Run
from flawforge.runs.history import History
from flawforge.training.train import train
from float64 import go_float64
from heard import Heard
from two_processes import command_in_two_processes

ROOT = Path(__file__).resolve().parents[2]
TOGETHER = str(ROOT / "tests" / "together.py")
SMALL: dict[str, Any] = {
    "resolution": 16,
    "generator_depth": 2,
    "discriminator_depth": 2,
    "latent": 8,
    "batch": 4,
    "precision": "float32",
    "previews": 0,
}
LITE: dict[str, Any] = {"recipe": "dcgan-lite", **SMALL}
FEWSHOT: dict[str, Any] = {"recipe": "fewshot", "augment": "full", "augment_target": 0.1, **SMALL}
Draw = Callable[..., Path]


def torchrun(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return subprocess.run(
        [*start, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def furthest(one: Run, other: Run) -> float:
    """Return the largest difference of any number of the two newest checkpoints."""
    a, b = require_checkpoint(one).tensors(), require_checkpoint(other).tensors()
    assert a.keys() == b.keys()
    return max(float((a[key].double() - b[key].double()).abs().max()) for key in a)


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["forked", pytest.param("torchrun", marks=pytest.mark.nightly)])
def test_two_processes_end_with_the_weights_of_one_and_one_goes_on_from_two(
    draw: Draw, tmp_path: Path, launcher: str
) -> None:
    flags = [f"--{key.replace('_', '-')}={value}" for key, value in LITE.items()]
    words = ["train", str(draw()), "--out", "two", *flags, "--kimg=0.08"]
    if launcher == "torchrun":
        done = torchrun("-m", "flawforge", *words, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        told = done.stdout
    else:
        (first, told), other = command_in_two_processes(tmp_path, *words)
        assert (first, other) == (0, (0, ""))
    assert told.splitlines() == [told.splitlines()[0], "next: flawforge generate two -n 64"]
    assert told.startswith("trained 0.1 kimg")

    one, two = train(tmp_path / "lines", tmp_path / "one", kimg=0.08, **LITE), Run(tmp_path / "two")
    assert furthest(one, two) < 1e-6
    assert (one.settings.environment["processes"], two.settings.environment["processes"]) == (1, 2)
    lines = [History(run.history_file).steps() for run in (one, two)]
    assert [line["step"] for line in lines[1]] == [10, 20]
    for mine, theirs in zip(*lines, strict=True):
        for name in ("loss_d", "loss_g", "d_real", "d_fake", "spread"):
            assert mine[name] == pytest.approx(theirs[name], abs=1e-5)
        for name in ("scores_real", "scores_fake"):
            assert mine[name] == pytest.approx(theirs[name], abs=2e-4)

    heard = Heard()
    train(tmp_path / "lines", two.path, kimg=0.12, resume=True, progress=heard, **LITE)
    assert any("was begun by 2 processes and continues with 1" in text for text in heard.warned)
    straight = train(tmp_path / "lines", tmp_path / "straight", kimg=0.12, **LITE)
    assert furthest(straight, two) < 2e-6


@pytest.mark.nightly
def test_what_ends_one_process_ends_both_and_two_go_on_from_one(
    draw: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw(name="data"), draw(5, name="other")
    with monkeypatch.context() as patched:
        go_float64(patched.setattr)
        torch.set_default_dtype(torch.float64)
        try:
            train(tmp_path / "data", tmp_path / "fewshot", kimg=0.008, **FEWSHOT)
            straight = train(tmp_path / "data", tmp_path / "straight", kimg=0.016, **FEWSHOT)
        finally:
            torch.set_default_dtype(torch.float32)
    names = [
        "another verb",
        "odd batch",
        "other images",
        "not a number",
        "ctrl-c",
        "minutes",
        "fewshot goes on",
        "one fails",
    ]
    done = torchrun(TOGETHER, str(tmp_path), *names, folder=tmp_path)
    assert done.returncode == 1
    told = [json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in (0, 1)]
    assert [list(each) for each in told] == [names, names], done.stderr
    both = {name: [each[name] for each in told] for name in names}

    # A problem is told once, whichever process tells it, and both exit with 1.
    for name, text in {
        "another verb": "only 'flawforge train' shares its work",
        "odd batch": "a batch of 5 images cannot be dealt out evenly to 2 processes",
        "other images": "differ between process 0 and process 1",
        "not a number": "training diverged",
        "ctrl-c": "everything is saved in",
        "one fails": "the disk of process 1 is full",
    }.items():
        assert [each["code"] for each in both[name]] == [1, 1], name
        assert sorted(text in each["err"] for each in both[name]) == [False, True], (name, both[name])
        assert sum(each["err"].count("error:") for each in both[name]) == 1, name
        assert all(each["out"] == "" for each in both[name]), name
    assert not (tmp_path / "odd").exists()

    # One was asked to stop: both stop before the next step, and it is saved.
    stopped = require_checkpoint(Run(tmp_path / "stopped"))
    assert (stopped.step, stopped.facts["stopped"]) == (8, "interrupted")
    assert [each["code"] for each in both["minutes"]] == [0, 0]
    assert require_checkpoint(Run(tmp_path / "minutes")).facts["stopped"] == "minutes"

    assert [each["code"] for each in both["fewshot goes on"]] == [0, 0], both["fewshot goes on"]
    assert "was begun by one process and continues with 2" in both["fewshot goes on"][0]["err"]
    assert both["fewshot goes on"][1]["err"] == ""
    assert furthest(straight, Run(tmp_path / "fewshot")) < 1e-9


@pytest.mark.nightly
def test_a_process_that_vanishes_is_missed(draw: Draw, tmp_path: Path) -> None:
    draw(name="data")
    done = torchrun(TOGETHER, str(tmp_path), "one vanishes", folder=tmp_path)
    assert done.returncode == 1
    told = json.loads((tmp_path / "rank0.json").read_text())["one vanishes"]
    assert told["code"] == 1
    assert "error: another process of this training ended without a word" in told["err"]
    assert "--resume" in told["err"]
