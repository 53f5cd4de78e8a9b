"""Which arm counts, and what it is compared with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from flawforge.core.errors import DataUnusableError
from flawforge.runs.cells import CellKey
from flawforge.studies.trial.analysis.evidence import Evidence
from flawforge.studies.trial.analysis.verdict import judge
from trial_calibration import World, simulate, upto

SMALL = World(images=420, pieces=300, classes=3)
PLACE = (10, "simulated")


def test_too_few_repeats_are_too_early_and_a_missing_control_is_an_error(helped: Evidence) -> None:
    found = judge(upto(helped, 2))
    assert found.comparisons == []
    assert found.verdict.sentence == "Too early for a verdict: it takes 3 complete repeats."
    assert not found.look.stopped
    with pytest.raises(
        DataUnusableError, match=r"the control is 'pseudo-labelled'; it is an arm without generated images"
    ):
        judge(replace(helped, controls={PLACE: "pseudo-labelled"}, _kept={}))


def test_where_nothing_was_chosen_the_arm_that_counts_was_fixed_beforehand() -> None:
    def evidence(arms: tuple[str, ...], chosen: dict[tuple[int, str], str | None]) -> Evidence:
        cells = {CellKey(0, 5, arm, "m"): np.full((2, 2), 0.5, np.float32) for arm in arms}
        labels = np.array([0, 1])
        return Evidence("type", ("a", "b"), labels, labels, ["x", "y"], cells, {(5, "m"): "classical"}, chosen, 3)

    place = (5, "m")
    assert (
        evidence(("classical", "generated", "pseudo-labelled-generated"), {}).advised(place)
        == "pseudo-labelled-generated"
    )
    assert evidence(("classical", "filtered", "pseudo-labelled-generated"), {}).advised(place) == "filtered"
    assert evidence(("classical", "generated"), {}).advised(place) == "generated"
    assert evidence(("classical", "pseudo-labelled"), {}).advised(place) is None
    assert evidence(("classical", "filtered"), {place: None}).advised(place) is None


def test_the_interval_of_a_rare_class_knows_as_much_as_its_own_specimens_tell() -> None:
    world = World(images=330, pieces=300, classes=3, sizes=(12, 138, 150), rare=True)
    rare = simulate(world, 4, 0)
    assert rare.metric == "average precision of class 0"
    assert rare.resampled(PLACE, "generated", [0, 1, 2, 3]).freedom == pytest.approx(11)
    assert rare.where(PLACE) == "at 10 images of class 0 (simulated)"
    uneven = simulate(replace(world, rare=False), 4, 0)
    assert uneven.metric == "balanced accuracy"
    assert 11 < uneven.resampled(PLACE, "generated", [0, 1, 2, 3]).freedom < 20
    alike = simulate(replace(world, rare=False, sizes=()), 4, 0)
    assert alike.resampled(PLACE, "generated", [0, 1, 2, 3]).freedom == 297
