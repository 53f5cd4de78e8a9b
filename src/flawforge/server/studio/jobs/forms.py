"""Forms of the commands that a page may start, made from their settings, and what is typed into them as arguments.

A value becomes a part of one argument, ``--option=value``, of a list that no shell sees. What would run code of its own
(a module's name) or read a file that the studio does not show is no value of any field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic.fields import FieldInfo

from flawforge.core.errors import SettingError
from flawforge.core.settings.bounds import BOUNDS, check_numbers
from flawforge.core.settings.fields import Settings, field_range, field_unit
from flawforge.core.settings.recipe import Recipe
from flawforge.core.settings.recipes import RECIPES, recipe
from flawforge.core.settings.trials import TrialSettings

Verb = Literal["train", "run", "trial", "generate", "audit", "score", "report", "export"]
Kind = Literal["images", "labels", "run", "folder", "text", "choice", "switch"]
MOST_LETTERS = 2000  # of a value
NOT_HERE = {"generator"}  # a setting that a page does not have: it runs code of a module
FORMATS = ("imagefolder", "yolo", "yolo-seg", "coco", "voc", "mvtec", "labelme", "webdataset", "hf")  # of export
NO_PATHS = ("models", "policy")  # fields whose values could name a file or a module


@dataclass(frozen=True)
class FormField:
    """One field of a form.

    Attributes:
        name: of the value. label: on the page. kind: how it is filled in.
        option: of the command line; empty: the value stands alone.
        help: what it does, and what it may be.
        choices: of a choice; the first is taken where nothing is chosen.
        required: whether it must be filled in.
        more: whether it is one of the many that nearly nobody changes.
        settings: the settings that check it, or None: bounds of the same name do, where there are any.
    """

    name: str
    label: str
    kind: Kind = "text"
    option: str = ""
    help: str = ""
    choices: tuple[str, ...] = ()
    required: bool = False
    more: bool = False
    settings: type[Settings] | None = None


def _number(name: str, label: str, help: str, option: str = "") -> FormField:
    return FormField(name, label, option=option or f"--{name}", help=f"{help} ({BOUNDS[name].allowed})")


def _setting(settings: type[Settings], name: str, label: str = "") -> FormField:
    """Return the field of a setting; without a label it is one of the many."""
    info: FieldInfo = settings.model_fields[name]
    facts = [fact for fact in (field_unit(info), field_range(info)) if fact and fact != "any"]
    help = f"{info.description} ({'; '.join(facts)})" if facts else str(info.description)
    choices = tuple(str(one) for one in get_args(info.annotation) if isinstance(one, str | int))
    kind: Kind = "switch" if info.annotation is bool else "choice" if choices else "text"
    choices = ("", *choices) if choices else ()
    words = label or name.replace("_", " ").capitalize()
    return FormField(name, words, kind, settings.flag(name), help, choices, more=not label, settings=settings)


IMAGES = FormField("data", "Images", "images", help="A folder of images, as it is.", required=True)
OUT = FormField("out", "New folder", "folder", "--out", "Below the folder of this studio.", required=True)
LABELS = FormField("labels", "Mended classes", "labels", "--labels", "A table that the page of the images has written.")
CLASSES = FormField("classes", "Classes", option="--classes", help="Names with commas between them. Empty: all.")
SEED = _number("seed", "Seed", "The same seed gives the same result.")
SHOTS = _number("shots", "Images per class", "As many to learn from. Empty: all.")
RECIPE = FormField("recipe", "Recipe", "choice", "--recipe", "Empty: fewshot.", ("", *RECIPES))
LEARNING = (
    RECIPE,
    SHOTS,
    CLASSES,
    LABELS,
    SEED,
    *(_setting(Recipe, name) for name in Recipe.model_fields if name != "name"),
)
TRIAL_MAIN = {
    "seeds": "Repeats",
    "shots": "Images per class",
    "models": "Models",
    "task": "Task",
    "rare": "Rare classes",
}
TRIAL_MORE = [name for name in TrialSettings.model_fields if name not in {*TRIAL_MAIN, *NOT_HERE, "recipe"}]
TRAIN = (IMAGES, OUT, _number("minutes", "Minutes", "Of training. Empty: the recipe's length."), *LEARNING)
RUN = (
    IMAGES,
    OUT,
    _number("minutes", "Minutes", "For training, images, tests and report together. Empty: as long as it takes."),
    _number("n", "New images per class", "Empty: 64.", "-n"),
    *LEARNING,
)
TRIAL = (
    IMAGES,
    OUT,
    _number("minutes", "Minutes", "As many repeats as fit, at least three. Empty: 15, or as long as the repeats take."),
    *(_setting(TrialSettings, name, label) for name, label in TRIAL_MAIN.items()),
    RECIPE,
    CLASSES,
    LABELS,
    *(_setting(TrialSettings, name) for name in TRIAL_MORE),
)
THE_RUN = FormField("run", "Run", "run", help="With its images.", required=True)
GENERATE = (
    FormField("run", "Run", "run", help="Whose generator.", required=True),
    _number("n", "Images per class", "How many.", "-n"),
    CLASSES,
    SEED,
    _number("truncation", "Truncation", "More typical images, less variety. Empty: full variety."),
    FormField("novel", "Leave out copies", "switch", "--novel", "Slower."),
)
EXPORT = (
    THE_RUN,
    FormField("format", "Format", "choice", "--format", "What your trainer reads.", ("", *FORMATS), required=True),
    OUT,
    FormField("with_real", "With the real images", "switch", "--with-real", "Those that the run was trained on."),
    _number("share", "Share of generated images", "Of each class, with the real ones. Empty: all generated ones."),
    CLASSES,
    FormField(
        *("unplaced", "Without a place", "choice", "--unplaced"),
        help="In formats of boxes, what becomes of a defect without box and mask.",
        choices=("", "whole-image", "leave-out"),
    ),
)
FORMS: dict[Verb, tuple[str, tuple[FormField, ...]]] = {
    "run": ("Do the whole job: train, generate, test, report", RUN),
    "trial": ("Find out whether new images help", TRIAL),
    "train": ("Train a generator", TRAIN),
    "generate": ("Generate images", GENERATE),
    "audit": ("Look for copies among a run's images", (THE_RUN,)),
    "score": ("See how real a run's images look", (THE_RUN,)),
    "report": ("Write a run's report", (THE_RUN,)),
    "export": ("Give a run's images to a trainer", EXPORT),
}


def checked(verb: Verb, given: Mapping[str, Any]) -> dict[str, str]:
    """Return the values of a form that were filled in, checked by the settings that the command has.

    Raises:
        SettingError: there is no such field, or a value that is not allowed; one that is required is missing.
    """
    _, form = FORMS[verb]
    known = {field.name: field for field in form}
    values: dict[str, str] = {}
    for name, value in given.items():
        if name not in known:
            raise SettingError(f"there is no field '{name[:40]}' in this form.")
        if not isinstance(value, str) or len(value) > MOST_LETTERS or not value.isprintable():
            raise SettingError(f"{known[name].label}: a line of at most {MOST_LETTERS} letters.")
        if value.strip():
            values[name] = value.strip()
    for field in form:
        _check_field(field, values.get(field.name, ""))
    _check_settings(verb, known, values)
    if verb == "export" and "share" in values and "with_real" not in values:
        raise SettingError(
            f"{known['share'].label}: it is of real and generated images together; tick '{known['with_real'].label}', "
            f"or leave it empty."
        )
    return values


def _check_field(field: FormField, value: str) -> None:
    if field.required and not value:
        raise SettingError(f"{field.label}: this must be filled in.")
    if field.kind == "choice" and value not in ("", *field.choices):
        raise SettingError(f"{field.label} is '{value}'; allowed: {', '.join(filter(None, field.choices))}.")
    if field.kind == "switch" and value not in ("", "on"):
        raise SettingError(f"{field.label} is on, or not.")
    if field.name in NO_PATHS and set(value) & set(":/\\"):
        raise SettingError(
            f"{field.label} takes names that this version knows; code of your own needs the command line."
        )


def _check_settings(verb: Verb, known: Mapping[str, FormField], values: Mapping[str, str]) -> None:
    numbers = {
        name: _as_number(known[name], values[name])
        for name in values
        if name in BOUNDS and known[name].settings is None
    }
    check_numbers(**numbers)
    own = {name: _as_setting(known[name], values[name]) for name in values if known[name].settings is not None}
    if verb == "trial":
        TrialSettings.parse({**own, **({"recipe": values["recipe"]} if "recipe" in values else {})})
    elif verb in ("train", "run"):
        recipe(values.get("recipe", "fewshot"), **own)


def _as_number(field: FormField, value: str) -> int | float:
    try:
        return int(value) if BOUNDS[field.name].whole else float(value)
    except ValueError:
        raise SettingError(f"{field.label} is '{value}'; it is {BOUNDS[field.name].what}.") from None


def _as_setting(field: FormField, value: str) -> Any:
    assert field.settings is not None
    several = isinstance(field.settings.model_fields[field.name].default, tuple) and field.name != "resolution"
    if field.kind == "switch":
        return True
    return tuple(part.strip() for part in value.split(",") if part.strip()) if several else value


def words(verb: Verb, values: Mapping[str, str], images: Mapping[str, Path]) -> list[str]:
    """Return the arguments of the command line for checked values.

    Args:
        verb: the command.
        values: from `checked`.
        images: name to path of folders that are not below the studio's.
    """
    _, form = FORMS[verb]
    first, options = [], []
    for field in form:
        value = values.get(field.name, "")
        if not value:
            continue
        if not field.option:
            first.append(str(images.get(value, value)))
        elif field.kind == "switch":
            options.append(field.option)
        else:
            options.append(f"{field.option}={value}")
    return [verb, *first, *options]
