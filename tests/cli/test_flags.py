from __future__ import annotations

from dataclasses import fields

from flawforge.cli.flags import given
from flawforge.cli.recipe_flags import RecipeFlags
from flawforge.cli.trial_flags import TrialFlags
from flawforge.core.recipes import Recipe
from flawforge.core.trials import TrialSettings


def flag_help(flags: type, name: str) -> str:
    return str(next(iter(flags.__annotations__[name].__metadata__)).help)


def test_there_is_a_flag_for_every_field_but_a_recipes_name() -> None:
    assert {entry.name for entry in fields(RecipeFlags)} == set(Recipe.model_fields) - {"name"}
    assert {entry.name for entry in fields(TrialFlags)} == set(TrialSettings.model_fields)


def test_a_flags_help_says_meaning_unit_range_and_what_the_recipes_have() -> None:
    text = flag_help(RecipeFlags, "generator_depth")
    assert text.startswith("Channels of the generator's last hidden layer")
    assert "(channels; from 1 to 1,024; " in text
    assert "dcgan-sn: 64" in text


def test_a_trials_flags_say_their_defaults() -> None:
    assert flag_help(TrialFlags, "steps").endswith("; default 900)")
    assert flag_help(TrialFlags, "resolution").endswith("; default 64)")
    assert flag_help(TrialFlags, "generator").endswith("; default unset)")
    assert "Several with commas or spaces. (images a class; " in flag_help(TrialFlags, "shots")


def test_only_what_was_given_is_changed() -> None:
    assert given(RecipeFlags(batch="3")) == {"batch": "3"}
    assert given(RecipeFlags()) == {}
    assert given(TrialFlags(shots=["3,5", "10"], seeds="2")) == {"shots": ("3", "5", "10"), "seeds": "2"}
