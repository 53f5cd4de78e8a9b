"""Every number option of every command: what it cannot be is refused by name, at once, and leaves no folder behind."""

from __future__ import annotations

import importlib
import random
import time
import types
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import flawforge
from flawforge.cli.main import app
from flawforge.core.errors import SettingError
from flawforge.core.settings.bounds import BOUNDS, SHORT, check_numbers
from flawforge.core.settings.recipe import Recipe
from flawforge.core.settings.trials import TrialSettings

VALUES = ("nan", "inf", "-1", "0", "1e400", "many", "1e9")
NEEDED = {
    "train": ["DATA", "--out", "OUT"],
    "search": ["DATA", "--out", "OUT"],
    "export": ["OUT", "--format", "coco", "--out", "OUT2"],
    "convert": ["DATA", "--format", "coco", "--out", "OUT"],
    "predict": ["MODEL", "DATA", "--out", "OUT"],
    "recipes": ["dcgan-lite"],
    "demo-data": ["OUT"],
    "generate": ["RUN"],
    "serve": ["RUN"],
    "studio": ["DATA"],
    "pod": ["RUN", "--inspector", "MODEL"],
    "interpolate": ["RUN"],
    "project": ["RUN", "DATA"],
    "audit": ["RUN"],
    "score": ["RUN"],
    "report": ["RUN"],
    "inspect": ["DATA"],
    "trial": ["DATA", "--out", "OUT"],
    "run": ["DATA", "--out", "OUT"],
}
FIELDS = {"trial": (TrialSettings, "--trial"), "run": (Recipe, ""), "train": (Recipe, ""), "recipes": (Recipe, "")}


def numbers_of(kind: Any) -> set[type]:
    """The kinds of numbers in an annotation."""
    if kind in (int, float):
        return {kind}
    if typing.get_origin(kind) in (tuple, typing.Union, types.UnionType, typing.Annotated):
        return set().union(*(numbers_of(part) for part in typing.get_args(kind)))
    return set()


def options() -> Iterator[tuple[str, str, Callable[[str], bool]]]:
    """Every number option of every command, with whether a word is a value that it takes."""
    for verb in (one for one in app if not one.startswith("-")):
        for argument in app[verb].assemble_argument_collection():
            long = [name for name in argument.names if name.startswith("-")]
            field = argument.field_info.name if argument.field_info else ""
            settings = FIELDS.get(verb, (None, ""))[0]
            if long and settings is not None and len(argument.keys) == 1 and argument.keys[0] in settings.model_fields:
                field = argument.keys[0]
                if numbers_of(settings.model_fields[field].annotation) and field != "channels":
                    yield verb, long[0], taken_by_settings(settings, field)
            elif long and numbers_of(argument.hint):
                yield verb, long[0], taken_by_bounds(field)


def taken_by_settings(settings: Any, field: str) -> Callable[[str], bool]:
    def takes(word: str) -> bool:
        base = (
            Recipe.parse(
                {"name": "fewshot", "resolution": 64, "generator_depth": 4, "discriminator_depth": 4, "epochs": 1}
            ).dump()
            if settings is Recipe
            else {}
        )
        value = (word,) if isinstance(settings.model_fields[field].default, tuple) and field != "resolution" else word
        try:
            settings.parse({**base, field: value})
        except SettingError:
            return False
        return True

    return takes


def taken_by_bounds(name: str) -> Callable[[str], bool]:
    def takes(word: str) -> bool:
        try:
            value = int(word) if BOUNDS[name].whole else float(word)
        except ValueError:
            return False
        return BOUNDS[name].holds(value)

    return takes


OPTIONS = list(options())


def try_one(
    verb: str, name: str, word: str, typed: Callable[..., int], lines: Path, tmp_path: Path, capsys: Any
) -> None:
    places = {"DATA": lines, "OUT": tmp_path / "out", "OUT2": tmp_path / "out2", "RUN": tmp_path / "run"}
    words = [str(places.get(part, part)) for part in NEEDED[verb]]
    before, started = set(tmp_path.rglob("*")), time.process_time()
    code = typed(verb, *words, *([f"{name}={word}"] if name.startswith("--") else [name, word]))
    took, said = time.process_time() - started, " ".join(capsys.readouterr().err.split())
    assert code in (1, 2), (verb, name, word)
    assert name in said or name.lstrip("-") in said, (verb, name, word, said)
    assert took < 1, (verb, name, word, took)
    assert set(tmp_path.rglob("*")) == before, (verb, name, word)


def load_all() -> None:
    """Import what commands import, so that none is timed with it."""
    for name in flawforge.__all__:
        getattr(flawforge, name)
    importlib.import_module("flawforge.reports.trial.page")


def wrong_ones() -> list[tuple[str, str, str]]:
    return [(verb, name, word) for verb, name, takes in OPTIONS for word in VALUES if not takes(word)]


def test_numbers_that_cannot_be_are_refused_by_name(
    typed: Callable[..., int], lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--minutes inf` was a traceback in three commands, and 1e9 was taken. By night all are tried."""
    load_all()
    for verb, name, word in random.Random(0).sample(wrong_ones(), 25):
        try_one(verb, name, word, typed, lines, tmp_path, capsys)


@pytest.mark.nightly
def test_all_numbers_that_cannot_be_are_refused_by_name(
    typed: Callable[..., int], lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    load_all()
    for verb, name, word in wrong_ones():
        try_one(verb, name, word, typed, lines, tmp_path, capsys)


def test_every_number_option_has_bounds() -> None:
    assert len(OPTIONS) > 100
    assert len(wrong_ones()) > 600


@pytest.mark.parametrize("name", BOUNDS)
def test_a_bound_says_what_it_takes(name: str) -> None:
    bound = BOUNDS[name]
    for value in (
        bound.low - 1,
        bound.high * 2 + 1,
        float("nan"),
        float("inf"),
        "word",
        True,
        0.5 if bound.whole else "1",
    ):
        with pytest.raises(SettingError) as caught:
            check_numbers(**{name: value})
        option = SHORT.get(name, "--" + name.replace("_", "-"))
        assert str(caught.value).startswith(f"{option} is ")
        assert bound.allowed in str(caught.value)
    middle = (bound.low + bound.high) / 2
    check_numbers(**{name: int(middle) if bound.whole else middle})
    check_numbers(**{name: None})
