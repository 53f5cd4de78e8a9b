"""What came out of a search: the sentence whole, the best trial, and what each setting mattered."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("optuna")

from flawforge.core.settings.recipes import recipe
from flawforge.runs.searches import Confirmation, SettingsTried
from flawforge.studies.search.outcome import best_trial, confirmed_means, search_sentence, sensitivities
from flawforge.studies.search.plan import search_space

COUNT = "24 settings were tried, 12 of them stopped early."


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({}, f"{COUNT} None was trained to its full length, so recipe fewshot stays as it is."),
        (
            {"best": 0.1234, "is_start": True},
            f"{COUNT} None did better on the held-out images than recipe fewshot as it is.",
        ),
        ({"best": 0.1234}, f"{COUNT} The best have a kernel distance of 0.123; they were not compared on fresh seeds."),
        (
            {"best": 0.1, "seeds": 2, "means": (0.4, 0.3)},
            f"{COUNT} On 2 fresh seeds and images that nothing was chosen by, the best settings "
            f"have a kernel distance of "
            f"0.3, recipe fewshot has 0.4.",
        ),
        (
            {"best": 0.1, "seeds": 1, "means": (0.3, 0.3)},
            f"{COUNT} The gain did not hold. On 1 fresh seed and images that nothing was chosen by, "
            f"the best settings have a "
            f"kernel distance of 0.3, recipe fewshot has 0.3. The recipe stays as it is.",
        ),
    ],
)
def test_the_outcome(facts: dict[str, Any], sentence: str) -> None:
    assert search_sentence(tried=24, stopped=12, recipe="fewshot", **facts) == sentence


def tried(number: int, kids: list[float], outcome: Any = "whole", **settings: Any) -> SettingsTried:
    return SettingsTried(number=number, settings=settings, kids=kids, outcome=outcome, seconds=1.0, folder="")


def test_the_best_trial_is_the_first_of_full_length_with_the_smallest_distance() -> None:
    trials = [tried(0, [0.3, 0.2]), tried(1, [0.1], "pruned"), tried(2, [0.3, 0.1]), tried(3, [0.2, 0.1])]
    assert best_trial(trials) == trials[2]
    assert best_trial(trials[1:2]) is None


def test_the_means_are_of_each_side_and_none_without_both() -> None:
    kids = (("start", 0.4), ("best", 0.1), ("start", 0.2), ("best", 0.3))
    confirmations = [Confirmation(settings=side, seed=1000, kid=kid) for side, kid in kids]  # type: ignore[arg-type]
    assert confirmed_means(confirmations) == pytest.approx((0.3, 0.2))
    assert confirmed_means(confirmations[:1]) is None


def test_the_setting_that_the_distance_follows_comes_first() -> None:
    ranges = search_space(recipe("fewshot"), ["beta1", "generator_lr=1e-5..1e-2", "augment"])
    words = ("none", "light", "full")
    trials = [
        tried(i, [0.1 + 0.01 * i], beta1=0.1 * (i * 7 % 5), generator_lr=1e-5 * 1.8**i, augment=words[i % 3])
        for i in range(12)
    ]
    first, *others = sensitivities(ranges, trials)
    assert first.field == "generator_lr"
    assert first.correlation == pytest.approx(1)
    assert first.p_value is not None
    assert first.p_value < 1e-6
    assert {setting.field: setting.correlation is None for setting in others} == {"beta1": False, "augment": True}
    assert all(setting.importance is None for setting in sensitivities(ranges, trials[:7]))
