"""The arms by name: which generate, which may be the control, and that pages have words for each."""

from __future__ import annotations

from flawforge.core.settings.arms import ARMS, CONTROLS, GENERATED, uses_generated
from flawforge.core.settings.trials import USUAL


def test_every_arm_generates_or_may_be_the_control_but_the_placebo_which_only_shows_exposure() -> None:
    assert set(CONTROLS).isdisjoint(GENERATED)
    assert set(ARMS) - set(CONTROLS) - set(GENERATED) == {"placebo"}
    assert {arm for arm in ARMS if uses_generated(arm)} == set(GENERATED)


def test_every_arm_is_named_once_and_has_words() -> None:
    for names in (CONTROLS, GENERATED, USUAL):
        assert set(names) <= set(ARMS)
        assert len(set(names)) == len(names)
    assert all(words and words[0].islower() and not words.endswith(".") for words in ARMS.values())


def test_tables_list_what_does_not_generate_first() -> None:
    order = [uses_generated(arm) for arm in ARMS]
    assert order == sorted(order)
