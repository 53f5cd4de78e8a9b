"""What is typed into a form becomes arguments, checked by the settings of the command; nothing else does."""

from __future__ import annotations

from pathlib import Path

import pytest

from flawforge.cli.main import app
from flawforge.core.errors import SettingError
from flawforge.server.studio.jobs.forms import FORMS, Verb, checked, words

TRAIN = {"data": "data/steel", "out": "runs/one"}


def test_values_become_arguments_that_the_command_takes() -> None:
    given = {**TRAIN, "minutes": "2.5", "classes": "-a,b c; rm", "seed": "3", "flip": "both", "keep_geometry": "on"}
    arguments = words("train", checked("train", {**given, "batch": " ", "recipe": ""}), {})
    assert arguments[:2] == ["train", "data/steel"]
    assert set(arguments[2:]) == {
        "--out=runs/one",
        "--minutes=2.5",
        "--classes=-a,b c; rm",
        "--seed=3",
        "--flip=both",
        "--keep-geometry",
    }
    _, bound, *_ = app.parse_args(arguments, exit_on_error=False, print_error=False)
    assert bound.arguments["classes"] == ["-a", "b c; rm"]
    assert words("generate", checked("generate", {"run": "runs/one", "n": "5"}), {}) == ["generate", "runs/one", "-n=5"]
    assert words("train", checked("train", TRAIN), {"data/steel": Path("/elsewhere")})[1] == "/elsewhere"


@pytest.mark.parametrize("verb", FORMS)
def test_every_field_is_an_option_of_its_command(verb: Verb) -> None:
    names = {name for argument in app[verb].assemble_argument_collection() for name in argument.names}
    assert {field.option for field in FORMS[verb][1] if field.option} <= names
    assert len({field.name for field in FORMS[verb][1]}) == len(FORMS[verb][1])


def test_a_set_goes_out_in_every_format_that_export_writes() -> None:
    from flawforge.data.writing.formats import EXPORT_FORMATS

    (field,) = (one for one in FORMS["export"][1] if one.name == "format")
    assert field.choices == ("", *EXPORT_FORMATS)
    given = {"run": "runs/one", "format": "yolo", "out": "sets/one", "share": "0.3", "with_real": "on"}
    arguments = words("export", checked("export", given), {})
    assert arguments == ["export", "runs/one", "--format=yolo", "--out=sets/one", "--with-real", "--share=0.3"]


@pytest.mark.parametrize(
    ("verb", "given", "part"),
    [
        ("train", {}, "Images: this must be filled in"),
        ("train", {**TRAIN, "seed": "1.5"}, "Seed is '1.5'; it is a whole number"),
        ("train", {**TRAIN, "minutes": "0"}, "it is a time in minutes"),
        ("train", {**TRAIN, "minutes": "nan"}, "it is a time in minutes"),
        ("train", {**TRAIN, "batch": "1"}, "--batch cannot be '1'; allowed: from 2 to 4,096"),
        ("train", {**TRAIN, "flip": "up"}, "allowed: none, horizontal, vertical, both"),
        ("train", {**TRAIN, "recipe": "/etc/recipe.toml"}, "allowed: compose"),
        ("train", {**TRAIN, "name": "x"}, "there is no field 'name'"),
        ("train", {**TRAIN, "device": "cuda"}, "there is no field 'device'"),
        ("train", {**TRAIN, "classes": "a\nb"}, "a line of at most"),
        ("train", {**TRAIN, "classes": "a" * 2001}, "a line of at most"),
        ("train", {**TRAIN, "keep_geometry": "off"}, "is on, or not"),
        ("trial", {**TRAIN, "models": "os:system"}, "code of your own needs the command line"),
        ("trial", {**TRAIN, "generator": "os:system"}, "there is no field 'generator'"),
        ("trial", {**TRAIN, "recipe": "x.toml"}, "allowed: compose"),
        ("trial", {**TRAIN, "policy": "../x"}, "code of your own needs the command line"),
        ("trial", {**TRAIN, "shots": "1"}, "shots"),
        ("trial", {**TRAIN, "seeds": "0"}, "--repeats cannot be"),
        ("export", {"run": "runs/one", "out": "sets/one"}, "Format: this must be filled in"),
        ("export", {"run": "runs/one", "out": "sets/one", "format": "yolo", "share": "1"}, "the share of generated"),
        (
            "export",
            {"run": "runs/one", "out": "sets/one", "format": "yolo", "share": "0.5"},
            "tick 'With the real images'",
        ),
        ("audit", {}, "Run: this must be filled in"),
    ],
)
def test_what_is_not_allowed_is_refused_by_name(verb: Verb, given: dict[str, str], part: str) -> None:
    with pytest.raises(SettingError) as caught:
        checked(verb, given)
    assert part in str(caught.value)
