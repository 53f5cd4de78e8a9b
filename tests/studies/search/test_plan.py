"""The plan of a search: what is written into its folder, and which folders are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

import flawforge
from flawforge.core.errors import RunExistsError, SettingError
from flawforge.core.files import read_json
from flawforge.core.settings.recipes import recipe
from flawforge.studies.search.plan import SearchPlan, open_search, search_space, settings_of


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


def plan(**changes: object) -> SearchPlan:
    start = flawforge.recipe("fewshot")
    ranges = search_space(start, ["ema_kimg=0.2..2", "augment=light,full"])
    values = {"kimg": 6.0, "seed": 0, "shots": None, "classes": ("dents",), "extractor": "pixels", "fingerprint": "ab"}
    return SearchPlan(start, ranges, **{**values, **changes})  # type: ignore[arg-type]


def test_the_folder_holds_the_plan_in_the_order_that_names_its_study(tmp_path: Path) -> None:
    """Optuna finds the study of an earlier version by a name that is derived from these values in this order."""
    open_search(tmp_path / "search", plan(), resume=False)
    written = read_json(tmp_path / "search" / "search.json")
    assert list(plan().dump()) == ["start", "settings", "kimg", "seed", "shots", "classes", "extractor", "fingerprint"]
    assert written == plan().dump()
    assert written["settings"] == ["ema_kimg=0.2..2", "augment=light,full"]
    assert written["classes"] == ["dents"]


def test_trials_are_compared_at_a_quarter_and_half_of_their_length() -> None:
    assert plan().rungs == [1.5, 3.0, 6.0]
    assert plan().recipe({"ema_kimg": 0.3}).dump() == {**plan().start.dump(), "ema_kimg": 0.3, "kimg": 6.0}


def test_only_the_same_search_is_resumed(tmp_path: Path) -> None:
    folder = tmp_path / "search"
    open_search(folder, plan(), resume=False)
    open_search(folder, plan(), resume=True)
    with pytest.raises(RunExistsError, match=r"already holds a search\. Add --resume to resume it"):
        open_search(folder, plan(), resume=False)
    with pytest.raises(SettingError, match=r"cannot resume .*: it was begun with other settings: seed 0 -> 1\. Give"):
        open_search(folder, plan(seed=1), resume=True)
