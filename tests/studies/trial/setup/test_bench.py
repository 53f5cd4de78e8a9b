"""The bench of a trial on the disk."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from flawforge.core.errors import RunNotFoundError
from flawforge.core.settings.trials import TrialSettings
from flawforge.data.dataset import Dataset
from flawforge.studies.trial.analysis.record import notes_of, protocol_of
from flawforge.studies.trial.execution.schedule import Costs, Schedule
from flawforge.studies.trial.plan import plan
from flawforge.studies.trial.setup.bench import Bench, how_drawn, load_bench, overlap_notes, shared_shots
from flawforge.studies.trial.setup.open import open_trial


def test_a_folder_that_is_no_trial_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        RunNotFoundError, match="is no trial: it is empty. A trial is made by: flawforge trial DATA --out"
    ):
        load_bench(tmp_path)


@pytest.fixture
def bench(grains: Dataset, tmp_path: Path) -> Bench:
    """12 images a class, of which 6 are left outside the test set."""
    return open_trial(grains, tmp_path / "out", TrialSettings(shots=(2, 6), seeds=10, resolution=(32, 32)))


@pytest.mark.parametrize("shots", [2, 4, 5, 6])
def test_what_two_repeats_share_is_told_where_it_is_much(bench: Bench, shots: int, tmp_path: Path) -> None:
    here = replace(bench, settings=bench.settings.model_copy(update={"shots": (shots,)}))
    drawn = [set(here.shots(repeat, shots).tolist()) for repeat in range(10)]
    pairs = [len(a & b) / (2 * shots) for a, b in combinations(drawn, 2)]
    shared = shared_shots(here, shots)
    assert np.mean(list(shared.values())) == pytest.approx(np.mean(pairs))
    for folds, words in ((0, "was fixed in advance (half, labelled by the teacher)"), (3, "3 folds by specimen")):
        other = replace(bench, settings=bench.settings.model_copy(update={"folds": folds}))
        (how,) = [
            step
            for step in protocol_of(other).steps_taken
            if step.startswith("The strategy for using generated images")
        ]
        assert words in how
    protocol, notes = protocol_of(here), notes_of(here, {})
    told = plan(here, Schedule(tmp_path, here.settings, "p", Costs()), 1, None).sentence
    for note in overlap_notes(here):
        assert note in notes
        assert note in told
    if shots == 2:
        assert not notes
        assert "Each repeat drew its own training images from the rest, from as many" in protocol.steps_taken[1]
        assert "see the notes" not in protocol.steps_taken[1]
    if shots in (4, 5):
        assert (2 * shots - 6) / shots < shared["coarse"] < 0.9  # two draws of 4 of 6 share 2 at least, of 5 share 4
        assert len(notes) == 1
        assert f"two repeats have {100 * np.mean(pairs):.0f}% of their training images of coarse, fine" in notes[0]
        assert "see the notes" in protocol.steps_taken[1]
    if shots == 6:
        assert shared == {"coarse": 1.0, "fine": 1.0}
        assert len(notes) == 1
        assert "every repeat has the same training images of coarse, fine" in notes[0]
        assert protocol.steps_taken[1].startswith("Every repeat has the same training images")


def test_of_several_shots_the_most_are_told_of(bench: Bench) -> None:
    assert bench.settings.shots == (2, 6)
    (note,) = overlap_notes(bench)
    assert note.startswith("At 6 shots every repeat has the same training images of coarse, fine")
    assert "have many in common" in how_drawn(bench)


def test_one_repeat_shares_nothing(bench: Bench) -> None:
    alone = replace(bench, settings=bench.settings.model_copy(update={"seeds": 1}))
    assert shared_shots(alone, 6) == {}
    assert overlap_notes(alone) == []
