"""Flags made from settings."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from flawforge import cli
from flawforge.cli.flags import RecipeFlags, TrialFlags, given


def test_only_what_was_given_is_changed() -> None:
    assert given(RecipeFlags(batch="3")) == {"batch": "3"}
    assert given(RecipeFlags()) == {}
    assert given(TrialFlags(shots=["3,5", "10"], seeds="2")) == {"shots": ("3", "5", "10"), "seeds": "2"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "x", "--out", "y", "--seed", "1.5"], "Invalid value for --seed: '1.5' is no whole number."),
        (["train", "x", "--out", "y", "--shots", "2.5"], "Invalid value for --shots: '2.5' is no whole number."),
        (["search", "x", "--out", "y", "--trials", "many"], "Invalid value for --trials: 'many' is no whole number."),
        (["generate", "x", "-n", "1e2"], "-n: '1e2' is no whole number."),
        (["audit", "x", "--pairs", "0.5"], "Invalid value for --pairs: '0.5' is no whole number."),
    ],
)
def test_half_a_seed_is_wrong_usage_and_not_rounded(
    typed: Callable[..., int], capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    """1.5 was once taken for 2."""
    assert typed(*words) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_every_whole_number_of_every_verb_is_taken_so() -> None:
    for file in Path(cli.__file__).parent.glob("*.py"):
        found = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef)]
        for verb in (one for one in found if one.name == file.stem):
            told = [ast.unparse(arg.annotation) for arg in verb.args.kwonlyargs if arg.annotation is not None]
            assert not [one for one in told if re.search(r"\bint\b", one)], file
