"""A recipe's settings as flags."""

from __future__ import annotations

from dataclasses import fields

from flag_help import flag_help
from flawforge.cli.flags import RecipeFlags, recipe_default
from flawforge.core.settings.recipe import Recipe
from flawforge.core.settings.recipes import RECIPES


def test_there_is_a_flag_for_every_field_but_the_name() -> None:
    assert {entry.name for entry in fields(RecipeFlags)} == set(Recipe.model_fields) - {"name"}


def test_a_flags_help_says_meaning_unit_range_and_what_the_recipes_have() -> None:
    text = flag_help(RecipeFlags, "generator_depth")
    assert text.startswith("Channels of the generator's last hidden layer")
    assert "(channels; from 1 to 1,024; " in text
    assert "dcgan-sn: 64" in text


def test_what_all_recipes_have_is_said_once_and_what_differs_of_each() -> None:
    values = {
        name: {str(recipe.dump()[name]) for recipe in RECIPES.values()}
        for name in Recipe.model_fields
        if name != "name"
    }
    for name, found in values.items():
        told = recipe_default(name)
        assert told.startswith("default ") == (len(found) == 1), name
        assert all(value in told or value == "None" for value in found), name
