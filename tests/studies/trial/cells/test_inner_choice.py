"""The inner choice: folds of the shots, and what all repeats take from the one that chose."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from flawforge.core.settings.trials import TrialSettings
from flawforge.runs.cells import CellKey
from flawforge.studies.trial.cells.inner_choice import InnerChoice, best_control, inner_folds
from flawforge.studies.trial.cells.work_list import CHOICE, CHOOSING, SAMPLING, needs, work_list


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


def test_the_control_is_the_best_arm_without_generated_images_inside() -> None:
    arms = ("real", "classical", "generated")

    def best(judged: int = 12, **controls: float) -> str:
        return best_control(InnerChoice(judged=judged, controls=controls), arms)

    assert best(classical=-0.5, real=-0.3) == "real"
    assert best(classical=-0.2, real=-0.3) == "classical"
    assert best(classical=-0.5, placebo=-0.3) == "classical"  # an arm that is no longer asked for
    assert best(judged=0, classical=-0.5, real=-0.3) == best_control(None, arms) == "classical"


def test_all_repeats_rest_on_one_choice() -> None:
    settings = TrialSettings(seeds=3, rare=("dent",))
    cells = work_list(settings)
    assert {key.seed for key in cells if key.arm in (CHOICE, SAMPLING) or "fold" in key.arm} == {CHOOSING}
    assert len(set(cells)) == len(cells)
    for key in cells:
        assert all(cells.index(need) < cells.index(key) for need in needs(key, settings))
    assert CellKey(CHOOSING, 5, CHOICE, "small-cnn") in needs(CellKey(2, 5, "filtered", "small-cnn"), settings)


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
