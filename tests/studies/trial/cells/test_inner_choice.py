"""The inner choice: folds of the shots, and how the choices of several repeats are pooled."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from flawforge.core.settings.trials import TrialSettings
from flawforge.studies.trial.cells.inner_choice import InnerChoice, inner_folds, pooled


def bench(labels: np.ndarray, groups: np.ndarray, folds: int = 3) -> Any:
    return SimpleNamespace(
        settings=TrialSettings(folds=folds),
        dataset=SimpleNamespace(labels=labels),
        division=SimpleNamespace(groups=groups),
    )


def test_inner_folds_keep_groups_whole_and_leave_two_of_each_class() -> None:
    labels = np.repeat(np.arange(3), 6)
    groups = np.arange(18)
    groups[[1, 2]] = 0  # three images of one piece
    shots = np.arange(18)
    folds = inner_folds(bench(labels, groups), shots, 7)
    assert len(folds) == 3
    assert sorted(np.concatenate(folds).tolist()) == shots.tolist()
    for fold in folds:
        rest = np.setdiff1d(shots, fold)
        assert not set(groups[fold].tolist()) & set(groups[rest].tolist())
        assert np.bincount(labels[rest], minlength=3).min() >= 2
    assert [f.tolist() for f in inner_folds(bench(labels, groups), shots, 7)] == [f.tolist() for f in folds]


def test_too_few_shots_have_no_inner_folds() -> None:
    labels = np.repeat(np.arange(2), 2)
    assert inner_folds(bench(labels, np.arange(4)), np.arange(4), 0) == []
    assert inner_folds(bench(np.repeat(np.arange(2), 9), np.arange(18), folds=0), np.arange(18), 0) == []


def choice(gain: float, use: bool = False, **controls: float) -> InnerChoice:
    return InnerChoice(gain=gain, use=use, judged=12, controls=controls or {"classical": -0.5})


def test_generated_images_are_advised_when_the_repeats_agree() -> None:
    assert pooled([choice(g) for g in (0.2, 0.25, 0.3, 0.2)]) == ("classical", True)
    assert pooled([choice(g) for g in (0.9, -0.5, 0.6, -0.4)]) == ("classical", False)
    assert pooled([choice(g) for g in (-0.2, -0.25, -0.3)]) == ("classical", False)
    assert pooled([choice(0.4, use=True)])[1]
    assert not pooled([choice(0.4, use=False)])[1]
    assert pooled([]) == ("classical", False)


def test_the_control_is_the_best_arm_without_generated_images_inside() -> None:
    assert pooled([choice(0.0, classical=-0.5, real=-0.3), choice(0.0, classical=-0.4, real=-0.5)])[0] == "real"
    assert pooled([choice(0.0, classical=-0.2, real=-0.3)])[0] == "classical"
    later = [choice(0.0, classical=-0.5, real=-0.3), choice(0.0, classical=-0.4)]  # an arm that was asked for later
    assert pooled(later)[0] == "classical"


def test_a_choice_of_an_older_version_is_read_under_the_names_of_today() -> None:
    way = {
        "name": "a little, agreeing",
        "share": 0.15,
        "filter": "agreeing",
        "typical": False,
        "taught": True,
        "hard": False,
        "classes": [0, 2],
    }
    facts = {
        "way": way,
        "use": True,
        "gain": 0.1,
        "error": 0.05,
        "gains": {},
        "controls": {"taught": -0.2},
        "judged": 12,
        "seconds": 3.5,
    }
    found = InnerChoice.model_validate(facts)
    assert found.controls == {"pseudo-labelled": -0.2}
    assert (found.usage.classes, found.usage.pseudo_labelled) == ((0, 2), True)
    assert found.model_dump(mode="json", by_alias=True)["way"] == way


def test_chance_alone_is_seldom_advised() -> None:
    rng = np.random.default_rng(1)
    advised = [pooled([choice(g) for g in rng.normal(0, 0.1, 10)])[1] for _ in range(400)]
    assert np.mean(advised) < 0.08
