"""The work list of a trial: each cell once, after what it needs."""

from __future__ import annotations

from flawforge.core.settings.trials import TrialSettings
from flawforge.runs.cells import CellKey
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
