"""What a message tells a person to type is taken by the command that it is typed for."""

from __future__ import annotations

import ast
import functools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from flawforge.cli.main import app
from flawforge.core.settings.recipe import Recipe

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "flawforge"
VERBS = {verb for verb in app if not verb.startswith("-")}
READERS = {"run", "inspect", "train", "trial", "search", "convert", "predict"}
TRAINERS = {"run", "train", "trial", "search"}
ROOMS: dict[str, set[str]] = {  # whose messages which commands show; the longest beginning counts
    "core": VERBS,
    "core/settings/trials": {"trial"},
    "data": READERS,
    "data/writing": {"export", "convert", "generate"},
    "data/sampling/grounds": {"generate", "pod"},
    "data/sampling/unlabelled": {"run", "train", "trial"},
    "data/grouping/shots": TRAINERS,
    "models": {"score", "search"},
    "reports": {"report"},
    "runs": VERBS,
    "studies/copies": {"audit"},
    "studies/detection": {"pod"},
    "studies/export": {"export"},
    "studies/latents": {"interpolate", "project"},
    "studies/portable": {"export-model"},
    "studies/prediction": {"predict"},
    "server": {"serve", "studio"},
    "studies/realism": {"score"},
    "studies/search": {"search"},
    "studies/sets": {"audit", "score"},
    "studies/synthesis": {"generate"},
    "studies/trial": {"trial"},
    "training": TRAINERS,
    "training/placing/engine": {"generate"},
    "training/processes/processes": {"train"},
    "whole_job": {"run"},
}
RECIPE = {Recipe.flag(field) for field in Recipe.model_fields}  # where a verb lacks them, the command line says how
ELSEWHERE = {  # (file, option): why it may name an option that not every command of its room has
    ("core/locks", "--wait"): "advised only by callers that have it",
    ("data/reading/elpv", "--force-reinstall"): "of pip",
    ("models/efficientnet", "--force-reinstall"): "of pip",
    ("models/efficientnet", "--no-deps"): "of pip",
    ("data/inspection/proportions", "--resolution"): "of the training that comes next, where it is told before",
    ("data/writing/convert", "--unplaced"): "of export and convert, where boxes are written",
    ("data/writing/convert", "--val"): "the option that was given",
    ("data/writing/convert", "--test"): "the option that was given",
    ("data/writing/convert", "--good"): "of export and convert",
    ("data/writing/formats/mvtec", "--val"): "the option that was given",
    ("data/writing/formats/mvtec", "--good"): "of export and convert",
    ("data/writing/formats/yolo", "--val"): "of export and convert",
    ("runs/cells", "--out"): "of trials",
    ("runs/checkpoint", "--checkpoint"): "the option that was given",
    ("runs/folder", "--resume"): "of train; run and a trial's generators resume anyway",
    ("runs/folder", "--out"): "of those that begin a run",
    ("runs/set_files", "--out"): "of the command that is named",
    ("core/folder_kinds", "--out"): "of those that write a folder",
    ("core/folder_kinds", "--overwrite"): "likewise",
    ("core/settings/recipe", "--unlabelled"): "help of a setting of recipes",
    ("runs/folder_errors", "--out"): "of those that begin a folder",
    ("runs/folder_errors", "--synthetic"): "said to hold where the command takes it",
    ("runs/records", "--out"): "of audit and score",
    ("runs/searches", "--resume"): "of the search, which is named",
    ("studies/latents/between", "--images"): "of interpolate",
    ("studies/latents/between", "--directions"): "of interpolate",
    ("studies/prediction/model_folder", "--no-model"): "of the trial, which is named",
    ("studies/sets/held_out", "--shots"): "of train, which is named",
    ("studies/trial/execution/ray", "--head"): "of ray",
    ("training/classifier/labelled_images", "--good"): "of trials",
    ("training/processes/device", "--device"): "the option that was given",
    ("training/processes/group", "--nproc-per-node"): "of torchrun",
    ("training/processes/group", "--device"): "of train under torchrun",
    ("training/setup/opening", "--unlabelled"): "the option that was given",
}


@functools.cache
def options(verb: str) -> set[str]:
    return {name for argument in app[verb].assemble_argument_collection() for name in argument.names}


def messages(file: Path) -> Iterator[str]:
    """Every text of a file but its docstrings; what is put in stands as X."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            inside.add(id(node.body[0].value))  # type: ignore[attr-defined]
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.value


FILES = sorted(file for file in PACKAGE.rglob("*.py") if "cli" not in file.relative_to(PACKAGE).parts)
COMMAND = re.compile(r"flawforge ([a-z-]+)((?: (?!which |with |leaves |or |and |has |shows )[^ ,;()\n]+)*)")
COMMANDS = sorted(
    {
        (str(file.relative_to(PACKAGE)), verb, rest.strip().rstrip("."))
        for file in FILES
        for text in messages(file)
        for verb, rest in COMMAND.findall(text)
        if rest
    }
)


@pytest.mark.parametrize(("file", "verb", "rest"), COMMANDS)
def test_a_command_in_a_message_can_be_typed(file: str, verb: str, rest: str) -> None:
    rest = re.sub(r"(--\w+)X", r"\1", rest)  # more follows, or nothing
    words = [
        "1" if word in ("X", "{n}") and before in ("-n",) else word
        for before, word in zip(["", *shlex.split(rest)], shlex.split(rest), strict=False)
    ]
    app.parse_args([verb, *words], print_error=False, exit_on_error=False)


def room_of(name: str) -> set[str]:
    return ROOMS[max((room for room in ROOMS if name.startswith(room)), key=len)]


def test_an_option_in_a_message_is_one_of_every_command_that_shows_it() -> None:
    """A full disk once advised --resume in five commands that lack it."""
    wrong, used = [], set()
    for file in FILES:
        name = file.relative_to(PACKAGE).with_suffix("").as_posix()
        for text in messages(file):
            if text.startswith("--") and " " not in text:
                continue  # the name of an option, not a message
            for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", COMMAND.sub("", text)):
                lacking = {verb for verb in room_of(name) if option not in options(verb)}
                if lacking and (name, option) in ELSEWHERE:
                    used.add((name, option))
                elif lacking and option not in RECIPE:
                    wrong.append(f"{name}: {option} is no option of {', '.join(sorted(lacking))}: {text[:80]}")
    assert wrong == []
    assert used == set(ELSEWHERE)


def test_commands_that_templates_and_guides_show_are_taken_as_they_stand() -> None:
    shown = []
    for file in [*PACKAGE.rglob("*.j2"), *(PACKAGE.parents[1] / "docs" / "guide").glob("*.md")]:
        text = re.sub(r"\{\{.*?\}\}", "NAME", file.read_text(encoding="utf-8"))
        inside = r"<code>(flawforge .*?)</code>" if file.suffix == ".j2" else r"^(flawforge .*)$"
        shown += [(file.name, command) for command in re.findall(inside, text, re.MULTILINE)]
    assert len(shown) > 40
    wrong = []
    for name, command in shown:
        words = shlex.split(command.split(" > ")[0], comments=True)[1:]
        try:
            app.parse_args(words, exit_on_error=False, print_error=False)
        except Exception as error:
            wrong.append(f"{name}: {command}: {type(error).__name__}")
    assert wrong == []
