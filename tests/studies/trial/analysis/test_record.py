"""Looks, extensions and changed wishes of whole trials, whose cells are made up instead of trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flawforge
import trial_material as material
from flawforge.core.progress import Progress
from flawforge.runs.cells import PROBABILITIES, CellKey
from flawforge.runs.trials import TrialRecord
from flawforge.studies.trial.cells.inner_choice import InnerChoice
from flawforge.studies.trial.cells.work_list import CHOICE, GENERATOR, Outcome
from flawforge.studies.trial.execution import local
from flawforge.studies.trial.run import plan_trial
from flawforge.studies.trial.setup.bench import Bench

ASKED: dict[str, Any] = {
    "shots": (4,),
    "resolution": (32, 32),
    "folds": 2,
    "models": ("trial_material:small_network",),
    "generator": "trial_material:oracle",
    "arms": ("classical", "filtered"),
    "workers": 1,
    "keep_model": False,
}


@dataclass
class Made:
    """What the cells say.

    Attributes:
        right: arm to the share of test images that it tells rightly; others tell 0.7 of them.
        use: what every inner choice says. controls: what it finds of the arms without generated images.
    """

    right: dict[str, float] = field(default_factory=dict)
    use: bool = True
    controls: dict[str, float] = field(default_factory=lambda: {"classical": -1.0})

    def work(
        self, bench: Bench, key: CellKey, inputs: Mapping[CellKey, Outcome], folder: Path | None, progress: Progress
    ) -> Outcome:
        """Stand in for the work on a cell."""
        facts: dict[str, Any] = {"seconds": 0.01}
        if key.arm.startswith(GENERATOR):
            return Outcome({}, facts | {"made": 8, "novel": 8})
        rng = np.random.default_rng([key.seed, sum(map(ord, key.arm))])
        if key.arm == CHOICE:
            gain = (0.5 if self.use else -0.5) + 0.01 * rng.standard_normal()
            controls = {arm: self.controls[arm] for arm in bench.settings.arms if arm in self.controls}
            choice = InnerChoice(use=self.use, gain=gain, error=0.1, controls=controls, judged=12)
            return Outcome({}, facts | choice.model_dump(mode="json", by_alias=True))
        labels = bench.targets(bench.dataset.labels[bench.division.test])
        told = np.where(rng.random(len(labels)) < self.right.get(key.arm, 0.7), labels, (labels + 1) % 3)
        return Outcome({PROBABILITIES: np.eye(3, dtype=np.float32)[told]}, facts)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Made:
    says = Made()
    monkeypatch.setattr(local, "compute_cell", says.work)
    return says


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return material.draw_dataset(tmp_path_factory.mktemp("course") / "photos", 30)


def run(photos: Path, out: Path, **changes: Any) -> TrialRecord:
    return flawforge.trial(photos, out, **{**ASKED, **changes})


def planned(photos: Path, out: Path, **changes: Any) -> str:
    return plan_trial(photos, out, **{**ASKED, **changes}).sentence


def test_a_trial_whose_inner_evidence_advises_none_looks_on_to_its_end(
    photos: Path, tmp_path: Path, made: Made
) -> None:
    made.use = False
    record = run(photos, tmp_path / "out", seeds=7)
    assert [one.chosen for one in record.comparisons] == [None]
    assert [(look.seeds, look.planned, look.stopped) for look in record.looks] == [(n, 7, False) for n in (4, 5, 6, 7)]
    assert record.complete
    assert run(photos, tmp_path / "out", seeds=7).looks == record.looks


def test_looks_begin_at_a_third_of_the_plan(photos: Path, tmp_path: Path, made: Made) -> None:
    made.right["filtered"] = 1.0
    record = run(photos, tmp_path / "out", seeds=15)
    assert record.looks[0].seeds == 5
    assert record.looks[-1].stopped


def test_the_arm_recommended_brings_the_arm_that_is_judged(photos: Path, tmp_path: Path, made: Made) -> None:
    record = run(photos, tmp_path / "out", seeds=3, arms=("classical", "recommended"))
    assert record.protocol.arms == ["classical", "filtered", "recommended"]
    assert [one.arm for one in record.primary] == ["filtered"]
    assert "Cross-validation" not in record.verdict.sentence
    assert any(value.endswith("; use generated images") for _, value in record.choices)


def test_fewer_arms_or_another_control_later_leave_a_control_that_can_be_compared(
    photos: Path, tmp_path: Path, made: Made
) -> None:
    """Asked for later, an arm is missing in the inner choices that are done; asked for no more, in the results."""
    made.controls = {"real": -0.5, "classical": -1.0}
    both = run(photos, tmp_path / "out", seeds=3, arms=("real", "classical", "filtered"))
    assert [one.control for one in both.comparisons] == ["real"]
    fewer = run(photos, tmp_path / "out", seeds=3)
    assert [one.control for one in fewer.comparisons] == ["classical"]
    made.controls["pseudo-labelled"] = -0.1
    later = run(
        photos, tmp_path / "out", seeds=4, arms=("real", "classical", "pseudo-labelled", "filtered"), early_stop=False
    )
    assert [one.control for one in later.comparisons] == ["real"]  # not the mean of one repeat against those of four
    assert ("4 images per class, trial_material:small_network: best without new images", "real") in later.choices
    assert [(part.shots, part.arm) for part in later.without] == [(4, "real")]


def test_pasting_on_plentiful_classes_is_called_cutmix_where_there_are_none(
    photos: Path, tmp_path: Path, made: Made
) -> None:
    def noted(out: str, arm: str, **changes: Any) -> bool:
        record = run(photos, tmp_path / out, seeds=3, arms=("classical", arm, "filtered"), **changes)
        return any(
            note.endswith("the arm pasted-on-plentiful is CutMix here, made in advance.") for note in record.notes
        )

    assert noted("equal", "pasted-on-plentiful")
    assert not noted("rare", "pasted-on-plentiful", rare=("dots",))
    assert not noted("other", "random-light")


def test_what_a_finished_plan_has_spent_is_not_spent_again(photos: Path, tmp_path: Path, made: Made) -> None:
    """Judged at 4 and then at 8 repeats as if at 8 alone, a trial without a gain is wrong more often than promised."""
    made.right |= {"filtered": 0.73}
    first = run(photos, tmp_path / "out", seeds=4, early_stop=False)
    assert first.verdict.word == "no evidence"
    assert any("as a new trial" in line or "Add test specimens" in line for line in first.verdict.advice)
    spent = "This trial had its verdict at 4 repeats: the trial's false-positive allowance (alpha) is used up"
    assert spent in planned(photos, tmp_path / "out", seeds=8)
    assert spent not in planned(photos, tmp_path / "new", seeds=8)
    made.right |= {"filtered": 1.0}  # the further repeats are clear: too late
    later = run(photos, tmp_path / "out", seeds=8, early_stop=False)
    (found,) = later.comparisons
    assert [(look.seeds, look.planned) for look in later.looks] == [(4, 4), (8, 8)]
    assert (later.verdict.word, later.looks[-1].level, found.gain.level) == ("no evidence", 0, pytest.approx(0.95))
    assert any(note.startswith("This trial was extended after its planned end at 4 repeats") for note in later.notes)
    assert [len(one.seeds) for one in later.results] == [8, 8]
    again = run(photos, tmp_path / "out", seeds=8, early_stop=False)
    assert (again.looks, again.notes, again.verdict) == (later.looks, later.notes, later.verdict)
    (tmp_path / "out" / "records" / "trial.json").unlink()
    assert run(photos, tmp_path / "out", seeds=8, early_stop=False).verdict.word == "helps"  # as if it were the first


def test_a_word_that_was_said_stands_while_further_repeats_agree(photos: Path, tmp_path: Path, made: Made) -> None:
    made.right["filtered"] = 1.0
    assert run(photos, tmp_path / "out", seeds=4, early_stop=False).verdict.word == "helps"
    for _ in range(2):
        assert run(photos, tmp_path / "out", seeds=5, early_stop=False).verdict.word == "helps"
    made.right["filtered"] = 0.1
    assert run(photos, tmp_path / "out", seeds=8, early_stop=False).verdict.word == "no evidence"


def test_a_word_that_was_said_of_one_arm_is_not_said_of_another(photos: Path, tmp_path: Path, made: Made) -> None:
    made.right |= {"pseudo-labelled-generated": 1.0, "generated": 0.78}
    first = run(photos, tmp_path / "out", seeds=4, folds=0, arms=("classical", "taught-generated"), early_stop=False)
    assert (first.primary[0].arm, first.verdict.word) == ("pseudo-labelled-generated", "helps")
    other = run(photos, tmp_path / "out", seeds=6, folds=0, arms=("classical", "generated"), early_stop=False)
    assert (other.primary[0].arm, other.verdict.word) == ("generated", "no evidence")
    alone = run(photos, tmp_path / "new", seeds=6, folds=0, arms=("classical", "generated"), early_stop=False)
    assert alone.verdict.word == "helps"  # where nothing was spent before


def test_a_trial_that_is_cut_short_after_it_was_shown_says_so_and_decides_nothing_early(
    photos: Path, tmp_path: Path, made: Made
) -> None:
    made.right["filtered"] = 1.0
    short = run(photos, tmp_path / "short", seeds=4, early_stop=False)
    assert short.verdict.word == "helps"
    run(photos, tmp_path / "cut", seeds=4, early_stop=False)
    record = tmp_path / "cut" / "records" / "trial.json"
    record.write_text(record.read_text().replace('"planned": 4', '"planned": 100').replace('"helps"', '"no evidence"'))
    cut = run(photos, tmp_path / "cut", seeds=4, early_stop=False)
    assert (cut.verdict.word, cut.looks[-1].planned, cut.looks[-1].level) == ("no evidence", 100, 0)
    assert any("The plan was cut from 100 to 4 repeats after results had been shown" in note for note in cut.notes)


def test_the_one_place_that_looked_best_alone_is_still_one_of_two(photos: Path, tmp_path: Path, made: Made) -> None:
    made.right["filtered"] = 0.74
    both = run(photos, tmp_path / "out", seeds=5, shots=(3, 4), early_stop=False)
    assert len(both.primary) == 2
    one = run(photos, tmp_path / "out", seeds=5, shots=(4,), early_stop=False)
    alone = run(photos, tmp_path / "new", seeds=5, shots=(4,), early_stop=False)
    assert one.primary[0].p == alone.primary[0].p
    assert one.primary[0].p_corrected == pytest.approx(min(1.0, 2 * alone.primary[0].p_corrected))
