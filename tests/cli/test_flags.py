"""Flags made from settings."""

from __future__ import annotations

from flawforge.cli.flags import given
from flawforge.cli.recipe_flags import RecipeFlags
from flawforge.cli.trial_flags import TrialFlags


def test_only_what_was_given_is_changed() -> None:
    assert given(RecipeFlags(batch="3")) == {"batch": "3"}
    assert given(RecipeFlags()) == {}
    assert given(TrialFlags(shots=["3,5", "10"], seeds="2")) == {"shots": ("3", "5", "10"), "seeds": "2"}
