from __future__ import annotations

import pytest

from flawforge.core.errors import SettingError
from flawforge.core.settings.recipes import recipe
from flawforge.studies.search.space import search_space, settings_of


def test_step_sizes_are_searched_around_the_recipe_s_own() -> None:
    start = recipe("fewshot", generator_lr=1e-3, discriminator_lr=2e-4, diversity=2.0, ema_kimg=0.5, augment="light")
    ranges = {span.field: span for span in search_space(start)}
    assert list(ranges) == ["generator_lr", "discriminator_lr", "augment", "diversity", "ema_kimg"]
    assert (ranges["generator_lr"].low, ranges["generator_lr"].high) == pytest.approx((2e-4, 5e-3))
    assert ranges["generator_lr"].by_ratio
    assert ranges["augment"].choices == ("none", "light", "full")
    assert settings_of(tuple(ranges.values()), start) == {
        "generator_lr": 1e-3,
        "discriminator_lr": 2e-4,
        "augment": "light",
        "diversity": 2.0,
        "ema_kimg": 0.5,
    }


def test_a_design_without_classes_has_no_diversity_to_search() -> None:
    assert "diversity" not in {span.field for span in search_space(recipe("dcgan-lite"))}


def test_ranges_of_one_s_own() -> None:
    ratio, words, whole = search_space(recipe("fewshot"), ["ema-kimg=0.2..2", "augment=light,full", "batch=8..16"])
    assert (ratio.low, ratio.high, ratio.by_ratio) == (0.2, 2.0, True)
    assert words.choices == ("light", "full")
    assert whole.whole
    assert search_space(recipe("fewshot"), ["ema-kimg=0.2..2", "augment=light", "full", "batch=8..16"]) == (
        ratio,
        words,
        whole,
    )
    again = search_space(recipe("fewshot"), [ratio.text, words.text, whole.text])
    assert again == (ratio, words, whole)
    assert settings_of((ratio,), recipe("fewshot", ema_kimg=5)) is None


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (["generator_rl"], r"'generator_rl' cannot be searched\. Did you mean 'generator-lr'\? There are: "),
        (["name"], "'name' cannot be searched"),
        (["ema_kimg=2..1"], r"a range is written LOW..HIGH, e.g. ema_kimg=0.5..2"),
        (["ema_kimg=lots"], r"a range is written LOW..HIGH"),
        (["generator_lr=0..1"], "searched by ratios, from above 0"),
        (["beta1=0..1.5"], "--settings: setting 'beta1' cannot be 1.5"),
        (["augment=light,heavy"], "--settings: setting 'augment' cannot be 'heavy'"),
        (["beta1", "beta1=0..0.5"], "each once"),
        ([], "takes one or more"),
    ],
)
def test_what_cannot_be_searched_is_explained(wanted: list[str], words: str) -> None:
    with pytest.raises(SettingError, match=words):
        search_space(recipe("fewshot"), wanted)
