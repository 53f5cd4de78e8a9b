"""The fields of settings as flags: made from the settings themselves, so that they cannot drift from them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import field, fields, make_dataclass
from typing import Annotated, Any

from cyclopts import Group, Parameter, Token

from flawforge.core.settings.fields import Settings, field_range, field_unit
from flawforge.core.settings.recipes import RECIPES, Recipe
from flawforge.core.settings.trials import TrialSettings


def flags_of(
    name: str,
    module: str,
    settings: type[Settings],
    defaults: Mapping[str, str],
    group: Group,
    *,
    names: Mapping[str, str] | None = None,
    lists: Collection[str] = (),
) -> Any:
    """Return a frozen dataclass with one optional text, or list of texts, for each field of some settings.

    Args:
        name: of the class.
        module: where it is kept.
        settings: whose `parse` converts and checks what is given.
        defaults: field to what its help says of the default; fields that are missing here get no flag.
        group: of the help.
        names: field to flag, where they differ.
        lists: fields that take several values, with commas or spaces.
    """
    specification = []
    for key, default in defaults.items():
        several: dict[str, Any] = {"consume_multiple": True, "negative": ""} if key in lists else {}
        flag = (names or {}).get(key)
        told = _help(settings, key, default, key in lists)
        kind: Any = list[str] | None if key in lists else str | None
        look = Parameter(name=flag, help=told, group=group, show_default=False, **several)
        specification.append((key, Annotated[kind, look], field(default=None)))
    made = make_dataclass(name, specification, frozen=True)
    made.__module__ = module  # else cyclopts takes it for a built-in type and does not look inside
    return made


def given(flags: Any) -> dict[str, Any]:
    """Return the fields that were given on the command line; lists as tuples of words."""
    values = {entry.name: getattr(flags, entry.name) for entry in fields(flags)}
    return {
        name: tuple(word.strip() for text in value for word in text.split(",") if word.strip())
        if isinstance(value, list)
        else value
        for name, value in values.items()
        if value is not None
    }


def _help(settings: type[Settings], name: str, default: str, several: bool) -> str:
    info = settings.model_fields[name]
    facts = [fact for fact in (field_unit(info), field_range(info)) if fact and fact != "any"]
    commas = " Several with commas or spaces." if several else ""
    return f"{info.description}{commas} ({'; '.join([*facts, default])})"


def _whole(_: Any, tokens: Sequence[Token]) -> int:
    """Return the whole number that a word says; cyclopts would round 1.5 without a word.

    Raises:
        ValueError: it says none.
    """
    word = tokens[0].value
    try:
        return int(word)
    except ValueError:
        raise ValueError(f"'{word}' is no whole number.") from None


Whole = Annotated[int, Parameter(converter=_whole)]
"""A whole number as an option: 1.5 is refused."""


RECIPE_GROUP = Group(
    "Settings of the recipe",
    help="Each replaces the recipe's own value, which `flawforge recipes NAME` shows.",
    sort_key=10,
)


def recipe_default(name: str) -> str:
    """Return what each recipe has in a field, in words."""
    values = {recipe.dump()[name] for recipe in RECIPES.values()}
    own = ", ".join(f"{recipe.name}: {recipe.dump()[name]}" for recipe in RECIPES.values())
    return (f"default {values.pop()}" if len(values) == 1 else own).replace("default None", "default unset")


RecipeFlags: Any = flags_of(
    "RecipeFlags",
    __name__,
    Recipe,
    {name: recipe_default(name) for name in Recipe.model_fields if name != "name"},
    RECIPE_GROUP,
)
"""One optional text for each field of `Recipe`."""
NOTHING = RecipeFlags()


TRIAL_GROUP = Group(
    "Settings of the trial",
    help="Of a trial that goes on, give the same again; more seeds, shots, arms or models may be asked for.",
    sort_key=10,
)


def trial_default(name: str) -> str:
    """Return the default of a field in words."""
    default = TrialSettings.model_fields[name].default
    if default is None:
        return "default unset"
    if name == "resolution":
        return f"default {default[0]}"
    return f"default {','.join(str(part) for part in default) if isinstance(default, tuple) else default}"


TrialFlags: Any = flags_of(
    "TrialFlags",
    __name__,
    TrialSettings,
    {name: trial_default(name) for name in TrialSettings.model_fields},
    TRIAL_GROUP,
    names=TrialSettings.flags,
    lists=("shots", "arms", "models"),
)
"""One optional text, or list of texts, for each field of `TrialSettings`."""
NONE_GIVEN = TrialFlags()
