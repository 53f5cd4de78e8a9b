"""Options: the same kinds in every verb, and those made from settings."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from flawforge import cli
from flawforge.cli.flags import RecipeFlags, TrialFlags, given
from flawforge.cli.main import app
from flawforge.data.reading_choices import ReadingChoices


def test_only_what_was_given_is_changed() -> None:
    assert given(RecipeFlags(batch="3")) == {"batch": "3"}
    assert given(RecipeFlags()) == {}
    assert given(TrialFlags(shots=["3", "5", "10"], seeds="2")) == {"shots": ("3", "5", "10"), "seeds": "2"}


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


OPTIONS = [
    (verb, argument)
    for verb in app
    if not verb.startswith("-")
    for argument in app[verb].assemble_argument_collection(parse_docstring=True)
    if any(name.startswith("--") for name in argument.names)
]
OWN = {"--directions", "--names", "--images", "--data", "--reject", "--keep"}  # of serve, interpolate, studio, curate
LISTS = [(verb, argument.names[0]) for verb, argument in OPTIONS if argument.hint in (list[str], list[str] | None)]


def test_every_list_is_among_those_that_are_tried() -> None:
    assert {name for _, name in LISTS} == {"--classes", "--settings", "--shots", "--arms", "--models", "--rare", *OWN}


WORDS = (["a", ",b,,c,"], ["a,b", "c"], ["a", "b", "c"], ["a, b,c"])


@pytest.mark.parametrize(
    ("verb", "name", "words"), [(*one, WORDS[0]) for one in LISTS] + [(*LISTS[0], words) for words in WORDS[1:]]
)
def test_a_list_takes_commas_and_spaces_in_every_verb(verb: str, name: str, words: list[str]) -> None:
    """`--classes scratches,inclusion` was once refused where `--shots 3,5` was not."""
    needed = {
        "inspect": [],
        "export": ["--out", "x", "--format", "coco"],
        "convert": ["--out", "x", "--format", "coco"],
        "pod": ["--inspector", "x"],
        "serve": [],
        "studio": [],
        "curate": [],
    }
    _, bound, *_ = app.parse_args([verb, "data", *needed.get(verb, ["--out", "x"]), name, *words])
    field = name.removeprefix("--").replace("-", "_")
    value = bound.arguments.get(field)
    assert (value or given(bound.arguments["settings"])[field]) in (["a", "b", "c"], ("a", "b", "c"))


def test_a_comma_inside_a_name_is_kept_by_a_backslash() -> None:
    _, bound, *_ = app.parse_args(["inspect", "data", "--classes", r"scratch\, deep,stain"])
    assert bound.arguments["classes"] == ["scratch, deep", "stain"]


def test_an_option_has_the_same_names_in_all_verbs() -> None:
    names: dict[str, set[frozenset[str]]] = {}
    for verb, argument in OPTIONS:
        own = frozenset(name for name in argument.names if (verb, name) not in ALIASES)
        for name in own:
            names.setdefault(name, set()).add(own)
    assert not {name: found for name, found in names.items() if len(found) > 1}


ALIASES = {
    ("audit", "--channels"),
    ("trial", "--resolution"),
    ("trial", "--steps"),
    ("trial", "--batch"),
    ("trial", "--made"),
}
"""Old names, which once meant one thing here and another there."""


@pytest.mark.parametrize("verb", ["inspect", "train", "run", "trial", "search"])
def test_every_verb_that_reads_data_takes_the_choices(verb: str) -> None:
    words = ["--unmarked", "good", "--classes-from", "names", "--invert-masks", "--tiles", "64"]
    _, bound, *_ = app.parse_args([verb, "data", *(["--out", "x"] if verb in ("train", "search") else []), *words])
    assert bound.arguments["reading"].choices == ReadingChoices("good", "names", True, 64)
