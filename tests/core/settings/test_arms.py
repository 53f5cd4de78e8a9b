"""The arms of a trial by name: what each needs, and that names of older versions are understood."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flawforge.core.settings import arms
from flawforge.core.settings.arms import ARMS, Arm, current_name, description_of, judged_arm, register, usual_arms
from flawforge.core.settings.trials import TrialSettings


@pytest.fixture
def own_arms() -> Iterator[None]:
    before = dict(ARMS)
    yield
    ARMS.clear()
    ARMS.update(before)


def test_every_arm_makes_new_images_or_may_be_the_control_but_the_placebo() -> None:
    neither = [arm.name for arm in ARMS.values() if arm.control == (arm.needs_generator or arm.new_images)]
    assert neither == ["placebo"]


def test_every_arm_has_a_description_that_fits_into_a_sentence() -> None:
    assert all(arm.description[0].islower() and not arm.description.endswith(".") for arm in ARMS.values())
    assert all(name == arm.name for name, arm in ARMS.items())
    assert description_of("real") == "the real images alone"
    assert description_of("x") == "an arm that this version does not know"


def test_tables_list_what_uses_no_generated_images_first(own_arms: None) -> None:
    register(Arm("blurred", "as classical, blurred", control=True))
    order = [arm.needs_generator or arm.new_images for arm in ARMS.values()]
    assert order == sorted(order)
    assert "blurred" in ARMS


def test_a_trial_that_asks_for_no_arms_has_the_usual_ones() -> None:
    assert TrialSettings().arms == (
        "real",
        "classical",
        "placebo",
        "pseudo-labelled",
        "generated",
        "filtered",
        "recommended",
        "pseudo-labelled-generated",
    )


def test_where_classes_are_rare_the_cheap_control_for_that_is_usual_too() -> None:
    usual = usual_arms("type")
    for unequal in (TrialSettings(rare=("dots",)), TrialSettings(as_is=True)):
        assert unequal.arms == (*usual[:4], "pasted-on-plentiful", *usual[4:])
    assert TrialSettings(rare=("dots",), arms=("classical",)).arms == ("classical",)
    assert TrialSettings().arms == usual


def test_names_of_older_versions_are_understood() -> None:
    assert current_name("taught") == "pseudo-labelled"
    assert current_name("anything") == "anything"
    asked = TrialSettings(arms=("classical", "taught", "taught-generated"))
    assert asked.arms == ("classical", "pseudo-labelled", "pseudo-labelled-generated")


def test_a_name_is_taken_once(own_arms: None) -> None:
    for name in ("real", "taught"):
        with pytest.raises(ValueError, match=f"there is an arm '{current_name(name)}' already"):
            arms.register(Arm(name, "as real"))


def test_the_verdict_is_about_one_arm_where_nothing_was_chosen() -> None:
    assert judged_arm(["classical", "generated", "pseudo-labelled-generated"]) == "pseudo-labelled-generated"
    assert judged_arm(["recommended", "filtered", "generated"]) == "filtered"
    assert judged_arm(["classical", "recommended"]) is None
