"""The work list, the ways of using generated images, the inner folds, and how choices are pooled."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from flawforge.core.settings.trials import TrialSettings
from flawforge.runs.cells import CellKey
from flawforge.studies.trial.cells.inner_choice import inner_folds, pooled
from flawforge.studies.trial.cells.usage import FEWEST, WAYS, Way, chosen_rows, restricted
from flawforge.studies.trial.cells.work_list import CHOICE, GENERATOR, needs, work_list

FULL = TrialSettings(shots=(5, 10), seeds=3, models=("small-cnn", "effnet-probe"))


def test_the_work_list_holds_each_cell_once_after_what_it_needs_and_repeat_by_repeat() -> None:
    cells = work_list(FULL)
    assert len(cells) == len(set(cells))
    place = {key: index for index, key in enumerate(cells)}
    for key in cells:
        for need in needs(key, FULL):
            assert place[need] < place[key], (need, key)
    assert [key.seed for key in cells] == sorted(key.seed for key in cells)
    arms = {(k.seed, k.shots, k.arm, k.model) for k in cells if k.model and k.arm != CHOICE}
    assert len(arms) == 3 * 2 * 2 * len(FULL.arms)


def test_a_trial_without_generated_images_prepares_none() -> None:
    plain = TrialSettings(arms=("real", "classical"), seeds=1)
    assert {key.arm for key in work_list(plain)} == {"real", "classical"}


def test_each_inner_fold_has_a_generator_of_its_own_that_both_models_share() -> None:
    one = [key for key in work_list(FULL) if key.seed == 0 and key.shots == 5 and key.arm.startswith(GENERATOR)]
    assert [key.arm for key in one] == ["generator", "generator-fold0", "generator-fold1", "generator-fold2"]
    assert all(not key.model for key in one)
    assert needs(CellKey(0, 5, "recommended", "m"), FULL) == [
        CellKey(0, 5, a, "m") for a in (CHOICE, "classical", "filtered")
    ]


def made() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(2), 40)
    soft = np.full((80, 2), 0.1, np.float32)
    soft[np.arange(80), labels] = 0.9
    soft[:5] = soft[:5, ::-1]  # five of class 0 that look like class 1
    novel = np.ones(80, np.uint8)
    novel[20:23] = 0
    return {
        "labels": labels,
        "soft": soft,
        "novel": novel,
        "realism": rng.uniform(0.5, 1.5, 80),
        "typical": np.arange(80) % 2,
    }


def test_filters_keep_what_they_say() -> None:
    images = made()
    plain = chosen_rows(images, "none", typical=False)
    assert plain.tolist() == list(range(0, 80, 2))
    agreeing = chosen_rows(images, "agreeing", typical=True)
    assert set(agreeing.tolist()) == set(range(1, 80, 2)) - {1, 3}
    strict = chosen_rows(images, "strict", typical=False)
    assert 20 not in strict
    assert 22 not in strict
    assert images["realism"][strict].mean() > images["realism"][agreeing].mean()
    assert restricted(strict, images["labels"], (1,)).min() >= 40


def test_a_class_that_hardly_passes_keeps_its_surest_images() -> None:
    images = made()
    images["soft"][:40] = images["soft"][:40, ::-1] if images["soft"][39, 0] > 0.5 else images["soft"][:40]
    images["soft"][:40, 0] = np.linspace(0.0, 0.4, 40)
    images["soft"][:40, 1] = 1 - images["soft"][:40, 0]
    kept = chosen_rows(images, "agreeing", typical=False)
    first = kept[kept < 40]
    assert len(first) == FEWEST
    assert first.min() >= 40 - 2 * FEWEST  # of the even rows, those with the highest probability


def test_a_way_survives_its_record() -> None:
    for way in (*WAYS, Way("x", 0.5, "none", classes=(1, 2))):
        assert Way.parse(way.dump()) == way


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


def choice(gain: float, use: bool = False, **controls: float) -> dict[str, Any]:
    return {"gain": gain, "use": use, "judged": 12, "controls": controls or {"classical": -0.5}, "way": WAYS[0].dump()}


def test_generated_images_are_advised_when_the_repeats_agree() -> None:
    assert pooled([choice(g) for g in (0.2, 0.25, 0.3, 0.2)]) == ("classical", True)
    assert pooled([choice(g) for g in (0.9, -0.5, 0.6, -0.4)]) == ("classical", False)
    assert pooled([choice(g) for g in (-0.2, -0.25, -0.3)]) == ("classical", False)
    assert pooled([choice(0.4, use=True)])[1]
    assert not pooled([choice(0.4, use=False)])[1]
    assert pooled([]) == ("classical", False)


def test_the_control_is_the_best_arm_without_generated_images_inside() -> None:
    assert pooled([choice(0.0, classical=-0.5, taught=-0.3), choice(0.0, classical=-0.4, taught=-0.5)])[0] == "taught"
    assert pooled([choice(0.0, classical=-0.2, taught=-0.3)])[0] == "classical"


def test_chance_alone_is_seldom_advised() -> None:
    rng = np.random.default_rng(1)
    told = [pooled([choice(g) for g in rng.normal(0, 0.1, 10)])[1] for _ in range(400)]
    assert np.mean(told) < 0.08


def test_a_folder_that_is_no_trial_is_named(tmp_path: Path) -> None:
    from flawforge.core.errors import RunNotFoundError
    from flawforge.studies.trial.setup.bench import load_bench

    with pytest.raises(
        RunNotFoundError, match="is no trial: it is empty. A trial is made by: flawforge trial DATA --out"
    ):
        load_bench(tmp_path)
