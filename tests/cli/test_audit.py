"""``flawforge audit``: what it prints, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flawforge.cli.main import main
from flawforge.studies.synthesis.run import generate

pytestmark = pytest.mark.usefixtures("quick_audit", "own_groups")


def exit_code(*arguments: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    return int(caught.value.code or 0)


def test_it_prints_the_sentence_the_distances_and_what_comes_next(
    make_run: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run()
    generate(run, 4)
    assert exit_code("audit", run.path) == 0
    printed = capsys.readouterr().out
    record = json.loads((run.records / "audit.json").read_text())
    assert printed.splitlines()[0] == record["sentence"]
    assert "generated to real (n = 4)" in printed
    (line,) = [line for line in printed.splitlines() if "not measured" in line]  # once five, a test of the set each
    assert line.startswith("C_T, authenticity, DCR share, FID triangle, calibrated distance: not measured (there are")
    assert "real to real, other specimen (n = 12)" in printed
    assert printed.endswith(f"record: {run.records / 'audit.json'}\nnext: flawforge report {run.path}\n")


def test_json_is_the_record(make_run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run()
    generate(run, 4)
    assert exit_code("audit", run.path, "-k", 2, "--channels", "all", "--pairs", 0, "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((run.records / "audit.json").read_text())
    assert (printed["k"], printed["channels"], len(printed["pairs"])) == (2, "all", 4)


def test_without_a_set_the_command_to_make_one_is_told(
    make_run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run()
    assert exit_code("audit", run.path) == 1
    assert f"Generate one with: flawforge generate {run.path} -n 64" in capsys.readouterr().err.replace("\n", " ")
