from __future__ import annotations

import pytest

from flawforge.core.settings.recipes import recipe
from flawforge.training.state.state import describe_recovery, recovery_recipe


def test_a_collapse_is_followed_by_smaller_steps_and_stronger_augmentation() -> None:
    begun = recipe("fewshot", generator_lr=2e-4, discriminator_lr=2e-4, augment="light", diversity=2.0)
    first, second = recovery_recipe(begun, 1), recovery_recipe(begun, 2)
    assert recovery_recipe(begun, 0) == begun
    assert (first.generator_lr, first.discriminator_lr, first.augment, first.diversity) == (1e-4, 1e-4, "full", 4.0)
    assert (second.generator_lr, second.augment, second.diversity) == (5e-5, "full", 8.0)
    assert (
        describe_recovery(begun, first) == "step sizes 0.0002 -> 0.0001, augmentation light -> full, diversity 2 -> 4"
    )
    assert recovery_recipe(recipe("fewshot", augment="none"), 1).augment == "light"
    changed = {name for name, value in first.dump().items() if value != begun.dump()[name]}
    assert changed == {"generator_lr", "discriminator_lr", "augment", "diversity"}


@pytest.mark.parametrize("level", [1, 3, 10])
def test_the_settings_stay_within_the_ranges(level: int) -> None:
    hard = recovery_recipe(recipe("fewshot", diversity=60), level)
    assert type(hard).parse(hard.dump()) == hard
