"""Options that several verbs share, and the fields of settings as options, made from the settings themselves."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, make_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Group, Parameter, Token

from flawforge.core.settings.fields import Settings, field_range, field_unit
from flawforge.core.settings.recipe import Recipe
from flawforge.core.settings.recipes import RECIPES
from flawforge.core.settings.trials import TrialSettings
from flawforge.data.reading_choices import ReadingChoices


def _whole(_: Any, tokens: Sequence[Token]) -> int:
    """Return the whole number that a word says; cyclopts would round 1.5 without a word."""
    try:
        return int(tokens[0].value)
    except ValueError:
        raise ValueError(f"'{tokens[0].value}' is no whole number.") from None


def _words(_: Any, tokens: Sequence[Token]) -> list[str]:
    """Return words that stand apart by commas or spaces; a backslash before a comma keeps it in the word."""
    parts = [part.strip() for token in tokens for part in re.split(r"(?<!\\),", token.value)]
    return [part.replace(r"\,", ",") for part in parts if part]


Flag = Annotated[bool, Parameter(negative="")]
Switch = Annotated[bool | None, Parameter(negative="")]
Whole = Annotated[int, Parameter(converter=_whole)]
"""A whole number: 1.5 is refused."""
Words = Annotated[list[str] | None, Parameter(consume_multiple=True, negative="", converter=_words)]
"""Several words, with commas or spaces between them."""
Json = Annotated[bool, Parameter(negative="", help="Print the result as JSON.")]
HeldOutFolder = Annotated[
    str | None,
    Parameter(
        help="A folder of real images that were not used for training; training images among them are refused. "
        "Default: the images that `train` left out (see `train --shots`); without a run, those not in --train."
    ),
]
TrainFolder = Annotated[
    str | None,
    Parameter(
        help="Without a run: a folder of those real images that the generator was trained on. "
        "Default: each may be one, unless it is held out."
    ),
]
Wait = Annotated[
    bool,
    Parameter(
        negative="",
        help="Wait where another process is writing the same. Without it that is an error, which names the process.",
    ),
]
OutputsFolder = Annotated[
    Path | None,
    Parameter(
        name=["--out", "-o"],
        help="Where to write the record and its pictures. Default: RUN. Where RUN cannot be written, and without "
        "a run, the result is shown and not kept.",
    ),
]
Host = Annotated[
    str,
    Parameter(
        help="The address to listen on; 0.0.0.0 lets other machines in. Then a token is needed, and asked of everyone."
    ),
]
Port = Annotated[Whole, Parameter(help="0 takes a free one.")]
TokenFile = Annotated[
    Path | None,
    Parameter(
        help="A file that holds the token, at least 16 letters. Default: the variable FLAWFORGE_TOKEN, where it is set."
    ),
]
HostNames = Annotated[
    Words, Parameter(help="Names by which the server is called, beside localhost and addresses. Others are refused.")
]
Device = Annotated[str, Parameter(help="auto, cpu, cuda, cuda:1, ... `auto` takes a GPU where there is one.")]


_READING = Group("How DATA is read", help="Where the files leave it open. Give the same again to resume.", sort_key=9)


@dataclass(frozen=True)
class ReadingFlags:
    """The options of each verb that reads DATA."""

    unmarked: Annotated[
        Literal["good", "unlabelled"] | None,
        Parameter(
            group=_READING,
            help="What an image is in which the labels mark nothing. `unlabelled` images are left out. "
            "Default: as is usual in the format of the labels, and said.",
        ),
    ] = None
    classes_from: Annotated[
        Literal["names"] | None,
        Parameter(
            group=_READING,
            help="`names` takes the class from the file's name: scratches_12.jpg is of class scratches. "
            "Default: from labels, else from folders.",
        ),
    ] = None
    invert_masks: Annotated[
        bool, Parameter(group=_READING, negative="", help="Masks are black on the defect, not white.")
    ] = False
    tiles: Annotated[
        Whole | None,
        Parameter(
            group=_READING,
            help="Cut each image into overlapping squares with this side in pixels, at native resolution. A tile has "
            "the class of the defect in it, where labels say where it is, else that of its image.",
        ),
    ] = None
    labels: Annotated[
        Path | None,
        Parameter(
            group=_READING,
            help="A CSV file with the columns `file` (below DATA) and `class` that mends classes; files in DATA are "
            "not changed. The class `unlabelled` leaves an image out.",
        ),
    ] = None

    @property
    def choices(self) -> ReadingChoices:
        """The same for Python."""
        return ReadingChoices(**{entry.name: getattr(self, entry.name) for entry in fields(self)})


_PLACING = Group("Where defects are put", help="For recipes that place defects. What is left out is drawn.", sort_key=9)


@dataclass(frozen=True)
class PlacingFlags:
    """What is asked of images whose defects are put on grounds."""

    grounds: Annotated[
        str | None,
        Parameter(
            group=_PLACING,
            help="A folder of good images to put defects on. Held-out images, and others of their specimens, are "
            "refused. Default: the good images in the training data.",
        ),
    ] = None
    masks: Annotated[
        Path | None,
        Parameter(
            group=_PLACING,
            help="A folder of masks, each of the size of its ground: outline and place of the defect, white on black. "
            "A ground of the same name is taken, else any of that size.",
        ),
    ] = None
    region: Annotated[
        Path | None,
        Parameter(
            group=_PLACING,
            help="A mask image: defects lie inside it, on grounds of its size. Default: anywhere on the part, where it "
            "is told from what is beside it; else anywhere in the image.",
        ),
    ] = None
    strength: Annotated[
        float | None,
        Parameter(
            group=_PLACING,
            help="How strongly all defects show, 1 as real ones do. Default: from 0.7 to 1.4 times that of the recipe.",
        ),
    ] = None


def settings_flags(name: str, settings: type[Settings], default: Callable[[str], str], group: Group) -> Any:
    """Return a frozen dataclass with an optional text, or list of texts, for each field of some settings.

    Args:
        name: of the class.
        settings: whose `parse` converts and checks what is given; `flags` names options that differ from their field.
        default: field to what its help says of its default; a field with an empty one gets no option.
        group: of the help.
    """
    specification = []
    for key, info in settings.model_fields.items():
        if not default(key):
            continue
        several = isinstance(info.default, tuple) and key != "resolution"
        facts = [fact for fact in (field_unit(info), field_range(info)) if fact and fact != "any"]
        commas = " Separate several with commas or spaces." if several else ""
        help = f"{info.description}{commas} ({'; '.join([*facts, default(key)])})"
        option = Parameter(name=settings.flags.get(key), help=help, group=group, show_default=False)
        kind: Any = Words if several else Switch if info.annotation is bool else str | None
        specification.append((key, Annotated[kind, option], field(default=None)))
    made = make_dataclass(name, specification, frozen=True)
    made.__module__ = __name__  # else cyclopts takes it for a built-in type and does not look inside
    return made


def given(flags: Any) -> dict[str, Any]:
    """Return the fields that were given on the command line; lists as tuples of words."""
    values = {entry.name: getattr(flags, entry.name) for entry in fields(flags)}
    chosen = {name: value for name, value in values.items() if value is not None}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in chosen.items()}


def recipe_default(name: str) -> str:
    """Return what each recipe has in a field, in words."""
    if name == "name":
        return ""
    values = {recipe.dump()[name] for recipe in RECIPES.values()}
    own = ", ".join(f"{recipe.name}: {recipe.dump()[name]}" for recipe in RECIPES.values())
    return (f"default {values.pop()}" if len(values) == 1 else own).replace("default None", "default unset")


def trial_default(name: str) -> str:
    """Return the default of a field in words."""
    default = TrialSettings.model_fields[name].default
    if name == "resolution":
        return f"default {default[0]}"
    shown = ",".join(str(part) for part in default) if isinstance(default, tuple) else default
    if isinstance(default, bool):
        shown = "on" if default else "off"
    return "default unset" if default is None else f"default {shown or 'none'}"


RecipeFlags: Any = settings_flags(
    "RecipeFlags",
    Recipe,
    recipe_default,
    Group(
        "Settings of the recipe",
        help="Each replaces the recipe's own value, which `flawforge recipes NAME` shows.",
        sort_key=10,
    ),
)
TrialFlags: Any = settings_flags(
    "TrialFlags",
    TrialSettings,
    trial_default,
    Group(
        "Settings of the trial",
        help="To resume a trial give the same again; more repeats, shots, arms or models may be asked for.",
        sort_key=10,
    ),
)
NOTHING, NONE_GIVEN, USUAL, DRAWN = RecipeFlags(), TrialFlags(), ReadingFlags(), PlacingFlags()
