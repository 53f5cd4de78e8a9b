"""The fields of a recipe as flags: made from `Recipe` itself, so that they cannot drift from it."""

from __future__ import annotations

from dataclasses import field, fields, make_dataclass
from typing import Annotated, Any

from cyclopts import Group, Parameter

from flawforge.core.recipes import RECIPES, Recipe
from flawforge.core.settings import field_range, field_unit

GROUP = Group(
    "Settings of the recipe",
    help="Each replaces the recipe's own value, which `flawforge recipes NAME` shows.",
    sort_key=10,
)


def flag_help(name: str) -> str:
    """Return the help of one field: meaning, unit, range, and what each recipe has."""
    info = Recipe.model_fields[name]
    values = {recipe.dump()[name] for recipe in RECIPES.values()}
    own = ", ".join(f"{recipe.name}: {recipe.dump()[name]}" for recipe in RECIPES.values())
    facts = [fact for fact in (field_unit(info), field_range(info)) if fact and fact != "any"]
    facts.append(f"default {values.pop()}" if len(values) == 1 else own)
    return f"{info.description} ({'; '.join(facts).replace('default None', 'default unset')})"


def _flags() -> type:
    specification = [
        (
            name,
            Annotated[str | None, Parameter(help=flag_help(name), group=GROUP, show_default=False)],
            field(default=None),
        )
        for name in Recipe.model_fields
        if name != "name"
    ]
    made = make_dataclass("RecipeFlags", specification, frozen=True)
    made.__module__ = __name__  # else cyclopts takes it for a built-in type and does not look inside
    return made


RecipeFlags: Any = _flags()
"""A frozen dataclass with one optional text for each field of `Recipe`; `Recipe.parse` converts and checks."""
NOTHING = RecipeFlags()


def changed(flags: Any) -> dict[str, Any]:
    """Return the fields that were given on the command line."""
    values = {entry.name: getattr(flags, entry.name) for entry in fields(flags)}
    return {name: value for name, value in values.items() if value is not None}
