"""``flawforge generate``: what it prints, and its exit codes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flawforge.cli.main import main


def exit_code(*arguments: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    return int(caught.value.code or 0)


def test_it_says_what_it_made_and_what_comes_next(make_run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run()
    assert exit_code("generate", run.path, "-n", 3) == 0
    assert capsys.readouterr().out == (f"generated 3 scratches: {run.synthetic}\nnext: flawforge audit {run.path}\n")


def test_json_is_the_facts_of_the_set(make_run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run()
    assert exit_code("generate", run.path, "-n", 3, "--layout", "flat", "--seed", 5, "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == {"folder": str(run.synthetic), **json.loads((run.synthetic / "set.json").read_text())}
    assert (printed["n"], printed["seed"], printed["layout"], printed["complete"]) == (3, 5, "flat", True)


def test_a_problem_is_explained_with_exit_code_1(make_run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run()
    assert exit_code("generate", run.path, "-n", 0) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "-n is 0; it is a number of images per class, 1 to 10,000,000." in printed.err


def test_wrong_usage_is_exit_code_2(make_run: Any) -> None:
    assert exit_code("generate", make_run().path, "--number-of-images", 3) == 2


def test_curate_says_what_is_kept(make_run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run()
    assert exit_code("generate", run.path, "-n", "3") == 0
    capsys.readouterr()
    assert exit_code("curate", run.path, "--reject", "0,scratches/2", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["n"], told["rejected"]) == (1, [f"scratches/scratches_00000{number}.png" for number in (0, 2)])
    assert exit_code("curate", run.synthetic, "--keep", "0") == 0
    assert "kept: 2 scratches; rejected: 1" in capsys.readouterr().out
