"""A second process in one folder is refused before it works; folders that may only be read serve all the same."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import flawforge.core.locks as locks
from flawforge.core.locks import FolderLock
from flawforge.runs.folder import Run
from flawforge.runs.set_files import read_facts
from flawforge.studies.synthesis.run import generate

Typed = Callable[..., int]
pytestmark = pytest.mark.usefixtures("quick_audit", "without_charts")


@pytest.fixture
def first(make_run: Any) -> Run:
    """A run with a synthetic set."""
    run: Run = make_run()
    generate(run, 3)
    return run


WRITERS = [
    ("training", ["train", "DATA", "--out", "RUN", "--resume"]),
    ("training", ["run", "DATA", "--out", "RUN"]),
    ("synthetic set", ["generate", "RUN", "-n", "9"]),
    ("synthetic set", ["generate", "RUN", "--sync"]),
    ("audit", ["audit", "RUN"]),
    ("score", ["score", "RUN", "--extractor", "pixels"]),
    ("trial", ["trial", "DATA", "--out", "TRIAL"]),
    ("trial", ["trial", "DATA", "--out", "TRIAL", "--plan"]),
]


@pytest.mark.parametrize(("part", "words"), WRITERS, ids=lambda value: " ".join(value) if value is list else None)
def test_a_second_writer_is_refused_and_changes_nothing(
    first: Run, tmp_path: Path, typed: Typed, capsys: pytest.CaptureFixture[str], part: str, words: list[str]
) -> None:
    """Two `generate` once ended well with every image twice in the manifest; two `train` deleted each other's files."""
    places = {"DATA": tmp_path / "data", "RUN": first.path, "TRIAL": tmp_path / "trial"}
    folder = {"synthetic set": first.synthetic, "trial": tmp_path / "trial"}.get(part, first.path)
    with FolderLock(folder, part):
        before = {path: path.read_bytes() for path in first.path.rglob("*") if path.is_file()}
        assert typed(*(places.get(word, word) for word in words)) == 1
        said = " ".join(capsys.readouterr().err.split())
        assert f"another process is writing the {part} in {folder}:" in said
        assert f"(process {os.getpid()} on " in said
        assert said.endswith("To wait until it is done, add --wait.")
        assert {path: path.read_bytes() for path in first.path.rglob("*") if path.is_file()} == before


def test_a_set_that_is_being_written_is_named_so_to_its_readers(
    first: Run, typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = read_facts(first.synthetic)
    (first.synthetic / "set.json").write_text(json.dumps({**facts, "complete": False}))
    for verb in (["audit"], ["score"], ["export", "--format", "coco", "--out", first.path.parent / "coco"]):
        with FolderLock(first.synthetic, "synthetic set"):
            assert typed(verb[0], first.path, *verb[1:]) == 1
        assert "another process is writing the synthetic set" in " ".join(capsys.readouterr().err.split())
    assert typed("audit", first.path) == 1
    assert "was interrupted before all 3 images were written" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("verb", ["audit", "score"])
def test_a_run_that_may_only_be_read_is_judged_and_the_result_shown_or_kept_elsewhere(
    first: Run, tmp_path: Path, typed: Typed, capsys: pytest.CaptureFixture[str], monkeypatch: Any, verb: str
) -> None:
    """Both worked to the end once, then failed, and printed nothing."""
    real, asked = locks.take, []

    def take(file: Path, seconds: float = -1.0) -> Any:
        asked.append(file)
        if first.path in file.parents:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return real(file, seconds)

    monkeypatch.setattr(locks, "take", take)
    assert typed(verb, first.path) == 0
    printed = capsys.readouterr()
    assert f"This {verb} is not kept: {first.path} cannot be written. To keep it, add --out DIR." in printed.out
    assert f"the {verb} will be shown, but not kept" in " ".join(printed.err.split())
    assert not (first.path / "records" / f"{verb}.json").exists()
    mine = tmp_path / "mine"
    assert typed(verb, first.path, "--out", mine) == 0
    file = mine / "records" / f"{verb}.json"
    assert capsys.readouterr().out.endswith(f"record: {file}\nnext: flawforge report {first.path} --records {mine}\n")
    assert typed("report", first.path, "--records", mine) == 0
    assert json.loads(file.read_text())["sentence"] in (mine / "report.html").read_text().replace("&#39;", "'")
    assert not first.report_file.exists()
