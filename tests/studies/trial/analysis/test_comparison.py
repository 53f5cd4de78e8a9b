"""One comparison: class by class, image by image, and over every arm without generated images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from flawforge.runs.cells import CellKey
from flawforge.studies.trial.analysis.evidence import Evidence
from flawforge.studies.trial.analysis.sentences import FOR_COMPARISON
from flawforge.studies.trial.analysis.verdict import judge
from trial_calibration import World, simulate

SMALL = World(images=420, pieces=300, classes=3)
PLACE = (10, "simulated")


def test_changed_images_are_counted_and_named(helped: Evidence) -> None:
    (best,) = judge(helped).comparisons
    before, after = (helped.stack(PLACE, arm, range(8)).argmax(2) == helped.labels for arm in (best.control, best.arm))
    assert best.gained == (after & ~before).sum()
    assert best.lost == (before & ~after).sum()
    up = [flip for flip in best.flips if flip.gained > flip.lost]
    assert up
    place = list(helped.files).index(up[0].file)
    assert (up[0].gained, up[0].lost) == ((after & ~before)[:, place].sum(), (before & ~after)[:, place].sum())
    assert up[0].label == helped.classes[helped.labels[place]]
    assert all(flip.after == flip.label != flip.before for flip in up)
    assert all(flip.before == flip.label != flip.after for flip in best.flips if flip.lost > flip.gained)
    assert up[0].gained - up[0].lost == (after.astype(int) - before.astype(int)).sum(axis=0).max()


def test_a_gain_over_a_wrongly_chosen_control_is_none() -> None:
    """Classical is as good as generated; the inner choice took the weaker real arm for the control."""
    world = replace(SMALL, lower={"real": 0.10, "classical": 0.0, "placebo": 0.0})
    wrong = [replace(simulate(world, 8, n), controls={PLACE: "real"}) for n in range(6)]
    found = [judge(evidence) for evidence in wrong]
    fooled = [one.comparisons[0] for one in found if (one.comparisons[0].gain.low or 0) > 0]
    assert len(fooled) >= 4  # against the weak control alone they would look like gains
    assert all(one.verdict.word == "no evidence" for one in found)
    assert "a gain over real, but no certain gain over" in fooled[0].why


def test_a_trial_whose_way_was_fixed_speaks_of_no_inner_choice(helped: Evidence) -> None:
    cells = {**helped.cells}
    for key, told in helped.cells.items():
        if key.arm == "generated":
            cells[replace(key, arm="only-generated")] = told
    found = judge(replace(helped, cells=cells, chosen={}, _kept={}))
    (other,) = [each for each in found.comparisons if not each.primary]
    assert other.arm == "only-generated"
    assert other.why == FOR_COMPARISON


def test_good_against_defective_is_judged_by_the_area_and_kind_by_kind() -> None:
    rng = np.random.default_rng(0)
    kinds = np.array(["good"] * 150 + ["crack"] * 60 + ["fray"] * 40)
    labels = (kinds != "good").astype(np.int64)
    cells = {}
    for seed in range(6):
        for arm, crack in (("classical", 1.0), ("real", 0.5), ("generated", 2.2)):
            score = rng.standard_normal(250) + np.where(kinds == "crack", crack, np.where(kinds == "fray", 1.0, 0.0))
            bad = 1 / (1 + np.exp(-score))
            cells[CellKey(seed, 5, arm, "m")] = np.stack([1 - bad, bad], axis=1).astype(np.float32)
    found = judge(
        Evidence(
            "good",
            ("good", "defective"),
            labels,
            np.arange(250),
            [str(i) for i in range(250)],
            cells,
            {(5, "m"): "classical"},
            {},
            6,
            kinds=kinds.tolist(),
        )
    )
    (only,) = found.comparisons
    assert found.verdict.word == "helps"
    assert "(m): AUROC +" in found.verdict.sentence
    assert [(part.label, part.word) for part in only.classes] == [("crack", "helps"), ("fray", "no evidence")]
    assert set(found.results[0].metrics) == {
        "AUROC",
        "AUPR",
        "recall at 1 % false alarms",
        "recall at 5 % false alarms",
    }


def test_a_class_with_few_specimens_is_not_measured_but_asked_for() -> None:
    evidence = simulate(replace(SMALL, classes=3, pieces=60, images=80), 4, 2)
    groups = np.where(evidence.labels == 2, evidence.groups % 2, evidence.groups)
    (only,) = judge(replace(evidence, groups=groups, _kept={})).comparisons
    part = only.classes[2]
    assert (part.gain.value, part.p, part.why) == (None, None, "the test set has 2 specimens of it; 8 are needed")


def test_classes_of_many_comparisons_are_corrected_over_all_of_them(helped: Evidence) -> None:
    (alone,) = judge(helped).comparisons
    cells = {**helped.cells, **{replace(k, shots=20): v for k, v in helped.cells.items()}}
    both = {(shots, "simulated"): "classical" for shots in (10, 20)} | {PLACE: helped.controls[PLACE]}
    first = judge(replace(helped, cells=cells, controls=both, _kept={})).comparisons[0]
    for single, two in zip(alone.classes, first.classes, strict=True):
        assert single.p is not None
        assert two.p == pytest.approx(min(1.0, 2 * single.p))
        assert two.gain == single.gain
