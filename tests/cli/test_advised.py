"""What a refusal advises is done, word for word, and works."""

from __future__ import annotations

import errno
import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import flawforge
import flawforge.core.files as files
from flawforge.core.locks import FolderLock
from flawforge.runs.folder import Run
from saved import lined, saved

Hand = Callable[..., tuple[int, str]]
pytestmark = pytest.mark.usefixtures("quick_audit", "without_charts", "own_groups")
COMMAND = re.compile(r"flawforge ([a-z-]+ .*?)(?=[;)]|\.? \(|\.(?: |$)|,? and the set|$)")


@pytest.fixture
def hand(typed: Callable[..., int], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Hand:
    """Type a command; give its exit code and all that it said."""

    def do(*words: object) -> tuple[int, str]:
        shown = [str(word) for word in words]
        monkeypatch.setattr(sys, "argv", ["flawforge", *shown])
        code = typed(*shown)
        printed = capsys.readouterr()
        return code, " ".join((printed.out + printed.err).split())

    return do


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of two steps, with the recipe's length of four."""
    folder = tmp_path_factory.mktemp("advised")
    saved(folder / "data" / "lines", lined(8, 20, 30))
    small = {"resolution": 16, "generator_depth": 2, "discriminator_depth": 2, "latent": 8, "batch": 4}
    return flawforge.train(folder / "data", folder / "run", "dcgan-lite", kimg=0.008, previews=0, **small)


@pytest.fixture
def data(trained: Run) -> Path:
    return trained.path.parent / "data"


@pytest.fixture
def run(trained: Run, tmp_path: Path) -> Run:
    return Run(shutil.copytree(trained.path, tmp_path / "run"))


def advised(said: str, verb: str, /, **places: object) -> list[str]:
    """Return the one command of a verb that a message names, with what a person puts in the place of capitals."""
    found = [words for words in map(shlex.split, COMMAND.findall(said)) if words[0] == verb]
    assert found, said
    return [str(places.get(word, word)) for word in found[-1]]


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Give a function after which the next write of a file with this name finds the disk full, once."""

    def fill(name: str) -> None:
        real, left = files.tempfile.mkstemp, [name]

        def mkstemp(*words: Any, prefix: str, **more: Any) -> Any:
            if left and left[0] in prefix:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), left.pop())
            return real(*words, prefix=prefix, **more)

        monkeypatch.setattr(files.tempfile, "mkstemp", mkstemp)

    return fill


def test_what_is_missing_is_made_by_the_command_that_is_named(hand: Hand, run: Run, data: Path, tmp_path: Path) -> None:
    for verb in ("audit", "score", "export"):
        more = ["--format", "coco", "--out", tmp_path / "coco"] if verb == "export" else []
        code, said = hand(verb, run.path, *more)
        assert code == 1
        generate = advised(said, "generate")
        shutil.rmtree(run.synthetic, ignore_errors=True)
    assert hand(*generate)[0] == 0
    assert hand("audit", data)[0] == 1
    judge = advised(hand("audit", data)[1], "audit", DIR=run.synthetic)
    assert hand(*judge)[0] == 0
    shutil.rmtree(run.checkpoints)
    run.checkpoints.mkdir()
    train = advised(hand("generate", run.path, "-n", 1, "--seed", 3, "--out", tmp_path / "s")[1], "train", DATA=data)
    assert hand(*train)[0] == 0
    for words in (["report", data], ["generate", data]):
        train = advised(hand(*words)[1], "train")
        small = ["--recipe", "dcgan-lite", "--resolution", 16, "--generator-depth", 2, "--batch", 4, "--kimg", 0.012]
        assert hand(*train, *small)[0] == 0
        shutil.rmtree(data.with_name("data-run"))


def test_a_folder_of_another_kind_is_said_how_to_see(hand: Hand, run: Run, data: Path, tmp_path: Path) -> None:
    assert hand("generate", run.path, "-n", 3)[0] == 0
    export = ["export", run.path, "--format", "imagefolder", "--out", tmp_path / "export"]
    assert hand(*export)[0] == 0
    for words in (["inspect", run.path], ["train", run.path, "--out", tmp_path / "other"]):
        code, said = hand(*words)
        assert code == 1
        assert hand(*advised(said, "report"))[0] == 0
    code, said = hand("report", tmp_path / "export")
    assert code == 1
    assert hand(*advised(said, "inspect"))[0] == 0


def test_a_damaged_set_or_record_is_mended_by_the_command_that_is_named(
    hand: Hand, run: Run, data: Path, tmp_path: Path
) -> None:
    assert hand("generate", run.path, "-n", 3)[0] == 0
    assert hand("audit", run.path, "--pairs", 1)[0] == 0
    (run.records / "audit.json").write_text("{")
    code, said = hand("report", run.path)
    assert code == 0
    assert hand(*advised(said, "audit"))[0] == 0
    assert "is damaged" not in hand("report", run.path)[1]

    facts = json.loads((run.synthetic / "set.json").read_text())
    (run.synthetic / "set.json").write_text(json.dumps({**facts, "complete": False}))
    code, said = hand("audit", run.path)
    assert code == 1
    assert hand(*advised(said, "generate"))[0] == 0
    (run.synthetic / "manifest.jsonl").unlink()
    code, said = hand("audit", run.path)
    assert code == 1
    assert hand(*advised(said, "generate"))[0] == 0
    for image in run.synthetic.rglob("*.png"):
        image.unlink()
    code, said = hand("audit", run.path)
    assert code == 1
    assert hand(*advised(said, "generate"))[0] == 0
    assert hand("audit", run.path)[0] == 0


def test_a_taken_folder_is_gone_on_with_as_is_said(hand: Hand, run: Run, data: Path, tmp_path: Path) -> None:
    train = ["train", data, "--out", run.path]
    code, said = hand(*train)
    assert (code, "Add --resume to go on with it" in said) == (1, True)
    assert hand(*train, "--resume", "--kimg", 0.012)[0] == 0
    assert hand("generate", run.path, "-n", 2)[0] == 0
    code, said = hand("generate", run.path, "-n", 2, "--seed", 7)
    assert (code, "--overwrite" in said) == (1, True)
    assert hand("generate", run.path, "-n", 2, "--seed", 7, "--overwrite")[0] == 0


def test_a_busy_folder_is_waited_for_with_the_option_that_is_named(hand: Hand, run: Run) -> None:
    for part, folder, words in (
        ("synthetic set", run.synthetic, ["generate", run.path, "-n", 2]),
        ("audit", run.path, ["audit", run.path, "--pairs", 1]),
    ):
        with FolderLock(folder, part):
            code, said = hand(*words)
        assert (code, said.endswith("To wait until it is done, add --wait.")) == (1, True)
        assert hand(*words, "--wait")[0] == 0


def full(run: Run, data: Path, tmp_path: Path) -> Iterator[tuple[str, list[object]]]:
    """Which file finds the disk full, and the command."""
    yield "step_", ["train", data, "--out", run.path, "--resume", "--kimg", 0.012]
    yield "set.json", ["generate", run.path, "-n", 3]
    yield "_000001.png", ["generate", run.path, "-n", 3, "--seed", 1, "--out", tmp_path / "set"]
    yield "audit.json", ["audit", run.path, "--pairs", 1]
    yield "score.json", ["score", run.path, "--extractor", "pixels"]
    yield "report.html", ["report", run.path]
    yield "judgement.json", ["audit", data, "--synthetic", run.synthetic, "--out", tmp_path / "judged"]
    yield "001.png", ["demo-data", tmp_path / "demo", "-n", 2]
    yield "sheet.png", ["inspect", data, "--contact-sheet", tmp_path / "sheet.png"]


def test_after_a_full_disk_the_same_command_goes_on(
    hand: Hand, run: Run, data: Path, tmp_path: Path, full_disk: Callable[[str], None]
) -> None:
    for name, words in full(run, data, tmp_path):
        full_disk(name)
        code, said = hand(*words)
        assert (code, "run the same command again" in said) == (1, True), (words, said)
        assert "--resume" not in said  # it was given, or the command has none
        code, said = hand(*words)
        assert code == 0, (words, said)


def test_a_training_that_is_begun_on_a_full_disk_goes_on_with_resume(
    hand: Hand, lines: Path, tiny: list[str], tmp_path: Path, full_disk: Callable[[str], None]
) -> None:
    train = ["train", lines, "--out", tmp_path / "run", "--kimg", "0.012", *tiny]
    full_disk("step_")
    code, said = hand(*train)
    assert (code, said.endswith("To go on from what is there, add --resume to it.")) == (1, True)
    assert hand(*train)[0] == 1
    assert hand(*train, "--resume")[0] == 0
