"""The fields of a recipe as flags."""

from __future__ import annotations

from typing import Any

from cyclopts import Group

from flawforge.cli.flags import flags_of
from flawforge.core.recipes import RECIPES, Recipe

GROUP = Group(
    "Settings of the recipe",
    help="Each replaces the recipe's own value, which `flawforge recipes NAME` shows.",
    sort_key=10,
)


def default_of(name: str) -> str:
    """Return what each recipe has in a field, in words."""
    values = {recipe.dump()[name] for recipe in RECIPES.values()}
    own = ", ".join(f"{recipe.name}: {recipe.dump()[name]}" for recipe in RECIPES.values())
    return (f"default {values.pop()}" if len(values) == 1 else own).replace("default None", "default unset")


RecipeFlags: Any = flags_of(
    "RecipeFlags", __name__, Recipe, {name: default_of(name) for name in Recipe.model_fields if name != "name"}, GROUP
)
"""One optional text for each field of `Recipe`."""
NOTHING = RecipeFlags()
