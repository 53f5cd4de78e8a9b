"""A classifier's settings."""

from __future__ import annotations

import pytest

from flawforge.core.errors import SettingError
from flawforge.core.settings.classifiers import CLASSIFIERS, OWN_POLICY, ClassifierSettings
from flawforge.core.settings.policies import POLICIES, ClassicalPolicy


def test_a_policy_is_named_given_or_the_models_own() -> None:
    assert ClassifierSettings().transforms is POLICIES["trivial-cutmix"]
    assert ClassifierSettings(model="effnet-probe").transforms is POLICIES["mirrors"]
    assert ClassifierSettings(model="effnet-probe", policy="light").transforms is POLICIES["light"]
    own = ClassifierSettings(policy=ClassicalPolicy(blur=1.0))
    assert own.transforms == ClassicalPolicy(blur=1.0)
    assert ClassifierSettings.parse(own.model_dump(mode="json")) == own
    with pytest.raises(SettingError, match="Did you mean 'trivial'"):
        _ = ClassifierSettings(policy="trivia").transforms


def test_a_model_of_the_users_own_takes_the_strong_policy() -> None:
    assert ClassifierSettings(model="mine:make").transforms is POLICIES["strong"]
    assert set(OWN_POLICY) <= set(CLASSIFIERS)
    assert set(OWN_POLICY.values()) <= set(POLICIES)
