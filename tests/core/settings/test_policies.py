"""Policies by name."""

from __future__ import annotations

import pytest

from flawforge.core.errors import SettingError
from flawforge.core.settings.policies import NONE, POLICIES, ClassicalPolicy, policy


def test_an_unknown_policy_names_the_near_one() -> None:
    assert policy("strong") is POLICIES["strong"]
    with pytest.raises(SettingError, match="policy is 'stong'; allowed: .* Did you mean 'strong'"):
        policy("stong")


def test_none_changes_nothing_and_only_mixing_makes_labels_soft() -> None:
    assert ClassicalPolicy() == NONE
    assert {name for name, one in POLICIES.items() if one.mixes} == {"trivial-cutmix"}
    assert ClassicalPolicy(mixup=0.2).mixes


def test_every_policy_but_none_mirrors_both_ways_and_none_turns_by_quarters() -> None:
    """A rolling direction may tell classes apart: who wants quarter turns must say so."""
    for name, one in POLICIES.items():
        assert (one.flip_horizontal, one.flip_vertical) == ((False, False) if name == "none" else (True, True)), name
        assert not one.quarter_turns, name


@pytest.mark.parametrize(("field", "value"), [("degrees", 181), ("shift", 0.6), ("chance", -0.1), ("scale", 1.0)])
def test_a_strength_out_of_range_is_refused(field: str, value: float) -> None:
    with pytest.raises(SettingError, match=field):
        ClassicalPolicy.parse({field: value})
