from __future__ import annotations

from dataclasses import fields

from flawforge.cli.settings import RecipeFlags, changed, flag_help
from flawforge.core.recipes import Recipe


def test_there_is_a_flag_for_every_field_but_the_name() -> None:
    assert {entry.name for entry in fields(RecipeFlags)} == set(Recipe.model_fields) - {"name"}


def test_a_flags_help_says_meaning_unit_range_and_what_the_recipes_have() -> None:
    text = flag_help("generator_depth")
    assert text.startswith("Channels of the generator's last hidden layer")
    assert "(channels; from 1 to 1,024; " in text
    assert "dcgan-sn: 64" in text


def test_only_what_was_given_is_changed() -> None:
    assert changed(RecipeFlags(batch="3")) == {"batch": "3"}
    assert changed(RecipeFlags()) == {}
