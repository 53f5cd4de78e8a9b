"""Three planted truths: a gain is found where it was planted, none where there is none, and a loss is called one.

Trials are simulated as in benchmarks/trial_calibration.py, of which this is the short form.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from flawforge.core.errors import DataUnusableError
from flawforge.runs.cells import CellKey
from flawforge.runs.trials import gain_points
from flawforge.studies.trial.analysis.comparison import p_helps
from flawforge.studies.trial.analysis.evidence import Evidence
from flawforge.studies.trial.analysis.sentences import FOR_COMPARISON
from flawforge.studies.trial.analysis.verdict import decide, judge, measure_all
from trial_calibration import World, one, simulate, upto

SMALL = World(images=420, pieces=300, classes=3)
PLACE = (10, "simulated")


@pytest.fixture(scope="module")
def helped() -> Evidence:
    return simulate(replace(SMALL, gain=0.05), 8, 3)


def test_a_planted_gain_is_found_with_its_numbers(helped: Evidence) -> None:
    found = judge(helped)
    (best,) = found.comparisons
    assert (found.verdict.word, best.word, best.primary) == ("helps", "helps", True)
    assert best.control == helped.controls[PLACE]
    assert best.gain.low is not None
    assert best.gain.high is not None
    assert 0 < best.gain.low < 0.05 < best.gain.high < 0.12
    assert best.gain.level == pytest.approx(0.95)
    assert best.gain.value == pytest.approx(np.mean(best.differences))
    assert best.p_corrected is not None
    assert best.p_corrected <= 0.05
    assert best.p_permutation is not None
    assert best.p_least == 2 / 2**8 <= best.p_permutation
    assert {rival.arm for rival in best.rivals} | {best.control} == {"real", "classical", "placebo"}
    assert found.verdict.sentence == (
        f"Generated images helped at 10 images per class (simulated): balanced accuracy +{100 * best.gain.value:.1f} "
        f"points (95% CI {100 * best.gain.low:.1f} to {100 * best.gain.high:.1f})."
    )


def test_results_are_the_cells_own_numbers(helped: Evidence) -> None:
    results = {one.arm: one for one in judge(helped).results}
    assert list(results) == ["real", "classical", "placebo", "generated"]
    predicted = np.stack([helped.cells[CellKey(s, 10, "generated", "simulated")] for s in range(8)]).argmax(axis=2)
    right = predicted == helped.labels
    made = results["generated"]
    assert made.values["accuracy"] == pytest.approx(right.mean(axis=1).tolist())
    assert made.recalls["class 1"] == pytest.approx(right[:, helped.labels == 1].mean())
    assert np.sum(made.confusion) == 8 * 420
    assert np.trace(made.confusion) == right.sum()
    low, high = made.metrics["balanced accuracy"].low, made.metrics["balanced accuracy"].high
    assert low is not None
    assert high is not None
    assert low < np.mean(made.values["balanced accuracy"]) < high


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


@pytest.mark.slow
def test_short_calibration_no_gain_is_called_one_rarely_and_three_points_are_found_mostly() -> None:
    none = [one(replace(SMALL, suits=0.0), 10, number)["words"][0] for number in range(100)]
    assert none.count("helps") <= 7  # 2.5 % or less: 8 of 100 have a chance of 0.4 %
    assert none.count("hurts") <= 7
    planted = [one(replace(World(), gain=0.03), 10, number)["words"][0] for number in range(25)]
    assert planted.count("helps") >= 19  # 90 % or more: 18 of 25 have a chance of 0.9 %


def test_a_planted_loss_is_called_one_and_the_advice_is_not_to_use_them() -> None:
    found = judge(simulate(replace(SMALL, gain=-0.08), 8, 3))
    assert found.verdict.word == "hurts"
    assert found.verdict.sentence.startswith(
        "Generated images hurt at 10 images per class (simulated): balanced accuracy -"
    )
    assert found.verdict.advice[0] == "Do not use generated images at 10 images per class (simulated)."


def test_without_a_gain_it_says_what_could_have_been_detected_and_what_to_do() -> None:
    found = judge(simulate(SMALL, 5, 11))
    (only,) = found.comparisons
    assert found.verdict.word == "no evidence"
    assert only.detectable is not None
    assert found.verdict.sentence.startswith("No evidence of a benefit at 10 images per class (simulated): balanced ")
    assert found.verdict.sentence.endswith(
        f" The trial had 90% power to detect a gain of {100 * only.detectable:.1f} points."
    )
    assert any(" 90% power to detect a gain" in line for line in found.verdict.advice)


@pytest.mark.parametrize("gain", [-0.05, -0.02])
def test_after_a_loss_the_advice_promises_no_gain_of_its_size(gain: float) -> None:
    rough = replace(SMALL, gain=gain, arm=1.0, seed=0.5)
    found = judge(simulate(rough, 5, 4))
    (only,) = found.comparisons
    assert (only.word, (only.gain.value or 0) < 0, (only.gain.high or 0) > 0.01) == ("no evidence", True, True)
    assert not any(f"a gain of {-100 * (only.gain.value or 0):.1f} points" in line for line in found.verdict.advice)
    assert (
        "Do not use generated images at 10 images per class (simulated) until more is known: the measured difference "
        "is a loss."
    ) in found.verdict.advice


def test_a_gain_over_a_wrongly_chosen_control_is_none() -> None:
    """Classical is as good as generated; the inner choice took the weaker real arm for the control."""
    world = replace(SMALL, lower={"real": 0.10, "classical": 0.0, "placebo": 0.0})
    wrong = [replace(simulate(world, 8, n), controls={PLACE: "real"}) for n in range(6)]
    found = [judge(evidence) for evidence in wrong]
    fooled = [one.comparisons[0] for one in found if (one.comparisons[0].gain.low or 0) > 0]
    assert len(fooled) >= 4  # against the weak control alone they would look like gains
    assert all(one.verdict.word == "no evidence" for one in found)
    assert "a gain over real, but no certain gain over" in fooled[0].why


def test_where_the_inner_evidence_advises_none_the_test_images_decide_nothing(helped: Evidence) -> None:
    found = judge(replace(helped, chosen={PLACE: None}, _kept={}))
    (only,) = found.comparisons
    assert (found.verdict.word, only.word, only.primary, only.chosen) == ("no evidence", "no evidence", False, None)
    assert only.p_corrected is None
    assert found.verdict.sentence == (
        f"Cross-validation on the training images did not favour generated images. If used anyway: "
        f"{gain_points(only.gain)} at 10 images per class (simulated) with arm generated."
    )
    assert not found.look.stopped  # the inner evidence of more repeats may advise them yet


def test_a_trial_without_an_arm_that_counts_does_not_speak_of_inner_evidence(helped: Evidence) -> None:
    cells = {replace(key, arm=key.arm.replace("generated", "recommended")): one for key, one in helped.cells.items()}
    found = judge(replace(helped, cells=cells, _kept={}))
    assert found.verdict.sentence.startswith(
        "None of the arms in this trial counts for the verdict. For comparison only: "
    )


def test_an_interim_analysis_counts_the_repeats_that_are_done_whatever_is_advised(helped: Evidence) -> None:
    """It once counted 0 where nothing was advised, and the next analysis could not be placed on the plan."""
    for advised in (None, "generated"):
        early = upto(replace(helped, analyses=(4, 5), chosen={PLACE: advised}), 5)
        assert judge(early).look.seeds == 5


def test_many_comparisons_ask_for_more_than_one() -> None:
    alone = simulate(replace(World(), gain=0.04), 4, 7)
    p = p_helps(measure_all(alone)[PLACE, "generated"])
    many = simulate(replace(World(), gain=0.0), 4, 107, places=5, test=7)
    cells = {**many.cells, **alone.cells}
    mixed = replace(many, cells=cells, controls={**many.controls, **alone.controls}, _kept={})
    words, _ = decide(mixed, measure_all(mixed))
    assert 0.005 < p <= 0.025  # found alone, but not as one of five
    assert decide(alone, measure_all(alone))[0][PLACE] == "helps"
    assert words[PLACE] == "no evidence"


def test_stopping_early_asks_for_more_and_widens_the_interval(helped: Evidence) -> None:
    early = upto(replace(helped, analyses=(4, 6, 8)), 4)
    (found,), (whole,) = judge(early).comparisons, judge(upto(helped, 4)).comparisons
    assert found.gain.level > whole.gain.level
    assert judge(early).look.level == pytest.approx(0.00153, abs=1e-5)
    assert judge(replace(helped, analyses=(8,), _kept={})).look.stopped
    assert judge(helped).look.decided == ["10 shots, simulated"]
    hopeless = replace(SMALL, gain=-0.06, arm=0.02, seed=0.02, mixed=0.0, suits=0.0)
    assert judge(upto(replace(simulate(hopeless, 8, 2), analyses=(6, 8)), 6)).look.stopped  # no gain of a point is left


def test_a_record_from_before_the_first_interim_analysis_decides_nothing_and_shows_sane_intervals(
    helped: Evidence,
) -> None:
    """What Ctrl-C leaves of a trial of 60 repeats; the interval at the level of such an analysis is absurdly wide."""
    early = judge(replace(helped, analyses=(8,), planned=60))
    (found,) = early.comparisons
    assert (early.look.level, early.look.stopped, early.look.decided) == (0, False, [])
    assert (found.word, found.gain.level) == ("no evidence", pytest.approx(0.95))
    assert found.gain.low is not None
    assert found.gain.low > 0  # clear alone
    assert found.why == (
        "significant alone, but not after correction for several comparisons or for an early interim analysis"
    )
    assert f" This is {found.why}. " in early.verdict.sentence
    assert found.detectable is not None
    assert found.detectable < 1
    assert {part.word for part in found.classes} == {"no evidence"}
    assert {part.word for part in judge(helped).comparisons[0].classes} != {"no evidence"}


def test_a_gain_that_no_trial_could_detect_is_not_given_in_points() -> None:
    """Of one specimen in three repeats: the gain that there is 90% power to detect is above 100 points."""
    wild = replace(SMALL, images=12, pieces=6, classes=2, level=0.5, arm=9.0)
    found = judge(simulate(wild, 3, 1))
    (only,) = found.comparisons
    assert only.detectable is None
    base = float(np.mean(next(one for one in found.results if one.arm == only.control).values["balanced accuracy"]))
    assert found.verdict.sentence.endswith(
        f"The trial did not have 90% power to detect even the largest possible gain, {100 * (1 - base):.1f} points "
        f"over {only.control}."
    )


def test_a_gain_that_does_not_fit_below_100_percent_is_not_promised_and_no_interval_reaches_beyond() -> None:
    """Three repeats of few specimens once promised a gain of 98.9 points above a control of 61.3%."""
    wild = replace(SMALL, images=20, pieces=10, classes=2, level=0.6, arm=1.5)
    found = judge(simulate(wild, 3, 3))
    (only,) = found.comparisons
    base = float(np.mean(next(one for one in found.results if one.arm == only.control).values["balanced accuracy"]))
    assert only.detectable is not None
    assert only.detectable > 1 - base  # else the test tests nothing
    assert f"the largest possible gain, {100 * (1 - base):.1f} points over" in found.verdict.sentence
    assert only.gain.high is not None
    assert only.gain.high > 1 - base
    assert f" to {100 * (1 - base):.1f})." in found.verdict.sentence


def test_a_trial_whose_way_was_fixed_speaks_of_no_inner_choice(helped: Evidence) -> None:
    cells = {**helped.cells}
    for key, told in helped.cells.items():
        if key.arm == "generated":
            cells[replace(key, arm="only-generated")] = told
    found = judge(replace(helped, cells=cells, chosen={}, _kept={}))
    (other,) = [each for each in found.comparisons if not each.primary]
    assert other.arm == "only-generated"
    assert other.why == FOR_COMPARISON


def test_the_same_evidence_gives_the_same_judgement_whatever_the_order_of_cells(helped: Evidence) -> None:
    turned = replace(helped, cells=dict(reversed(list(helped.cells.items()))), _kept={})
    assert judge(turned) == judge(replace(helped, _kept={}))


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
    found = judge(Evidence("good", ("good", "defective"), labels, np.arange(250), [str(i) for i in range(250)], cells,
                           {(5, "m"): "classical"}, {}, 6, kinds=kinds.tolist()))  # fmt: skip
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


def test_equivalent_images_are_read_off_the_controls_curve() -> None:
    cells, controls = {}, {}
    for shots, level in ((5, 0.8), (10, 0.85), (20, 0.92)):
        part = simulate(replace(SMALL, level=level, gain=0.05 if shots == 10 else 0.0, seed=0.05), 5, shots, test=0)
        cells |= {CellKey(k.seed, shots, k.arm, k.model): v for k, v in part.cells.items()}
        controls[(shots, "simulated")] = "classical"
    found = judge(replace(part, cells=cells, controls=controls, labels=part.labels, _kept={}, planned=5))
    worth = {one.shots: one for one in found.worth}
    assert set(worth) == {5, 10}
    assert worth[10].images is not None
    assert 0 < worth[10].images < 12
    assert "did as well as classical would with about" in worth[10].sentence


def test_too_few_repeats_are_too_early_and_a_missing_control_is_an_error(helped: Evidence) -> None:
    found = judge(upto(helped, 2))
    assert found.comparisons == []
    assert found.verdict.sentence == "Too early for a verdict: it takes 3 complete repeats."
    assert not found.look.stopped
    with pytest.raises(
        DataUnusableError, match=r"the control is 'pseudo-labelled'; it is an arm without generated images"
    ):
        judge(replace(helped, controls={PLACE: "pseudo-labelled"}, _kept={}))


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


def test_what_gains_without_a_generator_is_advised_before_generated_images(helped: Evidence) -> None:
    """Unlabelled images with a teacher's labels may be worth more than all that is generated: the user must hear it."""

    def renamed(arm: str) -> Evidence:
        cells = {
            replace(key, arm="pseudo-labelled" if key.arm == arm else key.arm): told
            for key, told in helped.cells.items()
        }
        return replace(helped, cells=cells, controls={PLACE: "classical"}, chosen={PLACE: None}, _kept={})

    (told,) = (line for line in judge(renamed("generated")).verdict.advice if "needs no generator" in line)
    assert told.startswith("Try this first, it needs no generator: pseudo-labelled beat classical by ")
    assert told.endswith(") at 10 images per class (simulated).")
    low, high = (float(word) for word in told.split(" points (95% CI ")[1].split(")")[0].split(" to "))
    assert 0 < low < 5 < high < 12
    assert not any("needs no generator" in line for line in judge(renamed("placebo")).verdict.advice)


def test_where_an_arm_without_a_generator_does_as_well_no_more_seeds_are_advised(helped: Evidence) -> None:
    """Over classical the gain was 5.9 points and all of it the teacher's; more seeds were advised."""
    cells = dict(helped.cells)
    for key, told in helped.cells.items():
        if key.arm == "generated":
            cells[replace(key, arm="pseudo-labelled")] = told.copy()
    found = judge(replace(helped, cells=cells, controls={PLACE: "classical"}, _kept={}))
    assert found.verdict.word == "no evidence"
    first, second, *rest = found.verdict.advice
    assert first.startswith("Try this first, it needs no generator: pseudo-labelled beat classical by ")
    assert second == (
        "Prefer pseudo-labelled at 10 images per class (simulated), it needs no generator: over pseudo-labelled, "
        "generated images changed the result by +0.0 points (95% CI -0.2 to 0.2)."
    )
    assert not any("90% power" in line for line in rest)
