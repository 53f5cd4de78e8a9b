"""A trial's settings: what is refused, and what makes two trials the same."""

from __future__ import annotations

from typing import Any

import pytest

from flawforge.core.errors import SettingError
from flawforge.core.settings.trials import OLD, TrialSettings

FULL = TrialSettings(shots=(5, 10), seeds=3, models=("small-cnn", "effnet-probe"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arms": ("classical", "genrated")}, "no arm 'genrated'. Did you mean 'generated'"),
        ({"arms": ("generated",)}, "must hold 'classical'"),
        ({"shots": (1, 5)}, "from 2"),
        ({"shots": (5, 5)}, "names something twice"),
        ({"sceds": 3}, "Did you mean 'seeds'"),
        ({"rare": ("dent",), "as_is": True}, "--as-is takes all images of every class, --rare few of some"),
        ({"as_is": True, "shots": (5,)}, "--as-is takes all images of every class, --shots so many of each"),
        ({"others": 50}, "name the rare ones with --rare"),
        ({"rare": ("dent", "dent")}, "rare names something twice"),
        ({"rare": ("dent",), "good_shots": 5, "task": "good"}, "with --rare give --others"),
    ],
)
def test_wrong_settings_are_explained(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        TrialSettings.parse(changes)


def test_the_protocol_changes_with_what_changes_numbers_and_not_with_how_many_cells_there_are() -> None:
    base = FULL.protocol("images")
    more = TrialSettings(shots=(5,), seeds=20, arms=("classical", "generated"))
    assert more.protocol("images") == base
    assert TrialSettings(steps=901).protocol("images") != base
    assert FULL.protocol("other images") != base


def test_recommended_brings_the_arm_that_it_takes_its_images_from() -> None:
    assert TrialSettings(arms=("classical", "recommended")).arms == ("classical", "filtered", "recommended")
    assert TrialSettings(arms=("filtered", "classical", "recommended")).arms == ("filtered", "classical", "recommended")


def test_the_way_is_chosen_inside_only_where_there_are_folds_and_an_arm_that_takes_it() -> None:
    assert TrialSettings().chooses
    assert not TrialSettings(folds=0).chooses
    assert not TrialSettings(folds=1).chooses
    assert not TrialSettings(arms=("classical", "generated")).chooses


def test_a_classifiers_settings_are_the_trials_but_for_what_an_arm_changes() -> None:
    trial = TrialSettings(steps=70, batch=12, resolution=(48, 32), policy="light")
    plain = trial.classifier("effnet-probe")
    assert (plain.model, plain.steps, plain.batch, plain.resolution) == ("effnet-probe", 70, 12, (48, 32))
    assert plain.policy == "light"
    assert trial.classifier("small-cnn", steps=5).steps == 5


def test_repeats_is_another_name_of_seeds() -> None:
    assert TrialSettings.parse({"repeats": "4"}) == TrialSettings(seeds=4)
    with pytest.raises(SettingError, match="there is no setting 'repeats'"):
        TrialSettings.parse({"repeats": 4, "seeds": 5})


def test_data_as_they_are_have_one_number_of_shots_and_equal_shots_the_protocol_of_older_versions() -> None:
    assert TrialSettings(as_is=True).shots == (0,)
    assert TrialSettings.parse(TrialSettings(as_is=True).model_dump(mode="json")) == TrialSettings(as_is=True)
    rare = TrialSettings(rare="dent")
    assert rare.rare == ("dent",)
    assert [settings.unequal for settings in (rare, TrialSettings(as_is=True), TrialSettings())] == [True, True, False]
    older = "9505c5bfa613"
    others = [rare, TrialSettings(as_is=True), rare.model_copy(update={"others": 50}), TrialSettings(rare=("scratch",))]
    assert len({settings.protocol("images") for settings in (TrialSettings(), *others)}) == 5
    assert TrialSettings(**OLD, steps=900).protocol("images").startswith(older)


def test_how_long_a_generator_is_trained() -> None:
    settings = TrialSettings()
    assert (settings.kimg(10), settings.kimg(30)) == (2.0, 6.0)  # of the recipe's 4 and 12
    assert settings.kimg(10, fold=True) == 1.0
    assert TrialSettings(generator_kimg=3).kimg(10, fold=True) == 3
    assert TrialSettings(generator_minutes=3).kimg(10) is TrialSettings(generator="a:b").kimg(10) is None
