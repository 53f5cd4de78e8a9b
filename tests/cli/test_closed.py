"""Files and folders that the user may not read: each command names what is closed, and what opens it."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flawforge.runs.folder import Run
from flawforge.studies.synthesis.run import generate

Typed = Callable[..., int]
pytestmark = pytest.mark.usefixtures("unprivileged", "quick_audit", "without_charts")


VERBS = [
    ("data", "inspect DATA"),
    ("data", "train DATA --out NEW"),
    ("data", "convert DATA --format coco --out NEW"),
    ("data", "score DATA --synthetic SET"),
    ("data", "audit RUN"),
    ("run", "report RUN"),
    ("run/run.json", "train DATA --out RUN --resume"),
    ("run/checkpoints", "train DATA --out RUN --resume"),
    ("run/checkpoints", "generate RUN -n 9 --overwrite"),
    ("run/synthetic", "score RUN"),
    ("run/synthetic/set.json", "export RUN --format coco --out NEW"),
    ("run/synthetic/scratches", "generate RUN --sync"),
    ("run/synthetic/scratches", "audit RUN"),
]


def test_what_may_not_be_read_is_named_with_what_opens_it(
    make_run: Any, tmp_path: Path, typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    """A closed folder of checkpoints was once none, and training began anew over it."""
    run: Run = make_run()
    generate(run, 3)
    places = {"DATA": tmp_path / "data", "NEW": tmp_path / "new", "RUN": run.path, "SET": run.synthetic}
    for closed, words in VERBS:
        place = tmp_path / closed
        place.chmod(0)
        assert typed(*(places.get(word, word) for word in words.split())) == 1, (closed, words)
        said = " ".join(capsys.readouterr().err.split())
        advice = f"error: {place} may not be read: Permission denied. If it is yours, allow it with: "
        assert advice in said, (closed, words, said)
        subprocess.run(shlex.split(said.split(advice)[1].split(";")[0]), check=True)
        assert place.stat().st_mode & 0o400
        assert not (tmp_path / "new").exists()


def test_what_may_not_be_written_is_said_to_be_written_elsewhere(
    make_run: Any, tmp_path: Path, typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    """A colleague's run with an older blind test "may not be read", it was said, and nothing how to have a report."""
    run: Run = make_run()
    run.path.joinpath("report-blind.html").touch()
    run.path.chmod(0o500)
    for words in (["report", run.path], ["generate", run.path, "-n", 3]):
        assert typed(*words) == 1
        said = capsys.readouterr().err
        assert said.startswith(f"error: cannot write {run.path}"), said
        assert said.endswith("To write elsewhere, add --out.\n"), said
        assert typed(*words, "--out", tmp_path / "elsewhere" / words[0]) == 0
        capsys.readouterr()
