"""What a trial says, and what it advises to do next."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from flawforge.studies.trial.analysis.evidence import Evidence
from flawforge.studies.trial.analysis.verdict import judge
from trial_calibration import World, simulate, upto

SMALL = World(images=420, pieces=300, classes=3)
PLACE = (10, "simulated")


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


def test_a_trial_without_an_arm_that_counts_does_not_speak_of_inner_evidence(helped: Evidence) -> None:
    cells = {replace(key, arm=key.arm.replace("generated", "recommended")): one for key, one in helped.cells.items()}
    found = judge(replace(helped, cells=cells, _kept={}))
    assert found.verdict.sentence.startswith(
        "None of the arms in this trial counts for the verdict. For comparison only: "
    )


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


def under(helped: Evidence, names: dict[str, tuple[str, ...]], control: str) -> Evidence:
    """The trial with its arms under other names; several names are copies of one arm."""
    cells = {replace(key, arm=arm): told for key, told in helped.cells.items() for arm in names.get(key.arm, ())}
    return replace(helped, cells=cells, controls={PLACE: control}, chosen={PLACE: None}, _kept={})


def test_the_best_answer_stands_first_where_nothing_needs_to_be_generated(helped: Evidence) -> None:
    names = {"generated": ("random-light",), "classical": ("classical",), "placebo": ("generated",)}
    found = judge(under(helped, names, "random-light"))
    (best,) = found.without
    assert (best.shots, best.model, best.arm) == (*PLACE, "random-light")
    assert best.gain is not None
    assert 0.01 < (best.gain.low or 0) < 0.05 < (best.gain.high or 0)
    first, *rest = found.verdict.sentence.splitlines()
    assert first.startswith(
        "Best at 10 images per class (simulated): nothing generated, random-light. It beat classical by "
    )
    assert rest[0].startswith("Cross-validation on the training images did not favour generated images.")
    assert found.verdict.advice[0].startswith("Try this first, it needs no generator: random-light beat classical by ")
    plain = judge(under(helped, names, "classical"))
    assert plain.without[0].gain is None
    assert plain.without[0].sentence.endswith(" is classical.")
    assert "nothing generated" not in plain.verdict.sentence  # it was not chosen on the training images


def test_generated_images_that_beat_the_best_without_them_are_the_answer(helped: Evidence) -> None:
    names = {"generated": ("generated",), "classical": ("random-light",), "real": ("classical",)}
    found = judge(replace(under(helped, names, "random-light"), chosen={PLACE: "generated"}, _kept={}))
    assert found.verdict.word == "helps"
    assert found.verdict.sentence.startswith("Generated images helped")
    (best,) = found.without
    assert best.arm == "random-light"
    assert best.gain is not None
    assert (best.gain.low or 0) > 0


def test_of_many_arms_without_a_generator_one_is_advised_and_chance_is_counted(helped: Evidence) -> None:
    same = ("random-light", "histogram-matched", "copy-paste")
    names = {"generated": same, "classical": ("classical",), "placebo": ("generated", "fourier-adapted")}
    (told,) = (
        line
        for line in judge(under(helped, names, "classical")).verdict.advice
        if line.startswith("Try this first, it needs no generator")
    )
    assert "points (98.8% CI" in told  # four arms share 5%
    (told,) = (
        line
        for line in judge(under(helped, names, "histogram-matched")).verdict.advice
        if line.startswith("Try this first, it needs no generator")
    )
    assert "histogram-matched beat classical by" in told  # the one that was chosen on the training images
    assert "points (95% CI" in told


def test_a_trial_that_generates_nothing_says_what_its_arms_brought(helped: Evidence) -> None:
    names = {"generated": ("random-light",), "classical": ("classical",), "real": ("real",)}
    found = judge(replace(under(helped, names, "classical"), chosen={}, _kept={}))
    assert [part.sentence.endswith(" is classical, fixed in advance.") for part in found.without] == [True]
    first, second = found.verdict.sentence.splitlines()
    assert first == "This trial has no arm with generated images, so it has no verdict on them."
    assert second.startswith("Over classical at 10 images per class (simulated): real ")
    assert "; random-light +" in second
    few = judge(upto(under(helped, names, "classical"), 2)).verdict.sentence.splitlines()
    assert few[1] == "Too early for a verdict at 10 images per class (simulated): it takes 3 complete repeats."


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


def test_the_repeats_that_are_advised_are_for_what_is_not_certain_yet(helped: Evidence) -> None:
    """Over copy-paste 1.2 points were not certain; repeats were advised for the 5.1 over classical, which were."""
    cells = dict(helped.cells)
    for key, told in helped.cells.items():
        if key.arm == ("classical" if key.seed in (2, 5) else "generated"):
            cells[replace(key, arm="pseudo-labelled")] = told.copy()
    found = judge(replace(helped, cells=cells, controls={PLACE: "classical"}, _kept={}))
    (only,) = found.comparisons
    (rival,) = (one.gain for one in only.rivals if one.arm == "pseudo-labelled")
    assert only.word == "no evidence"
    assert (only.gain.low or 0) > 0 > (rival.low or 0)
    (line,) = (line for line in found.verdict.advice if "90% power to detect" in line)
    assert f" to detect a gain of {100 * (rival.value or 0):.1f} points over pseudo-labelled at 10 images " in line
    assert int(line.split()[1]) > 2 * 8


def test_of_several_models_the_best_is_named_first_with_the_gain_over_the_best_arm_of_each_other() -> None:
    weak, strong = (simulate(replace(SMALL, level=level), 6, 11) for level in (0.8, 0.95))
    cells = weak.cells | {replace(key, model="better"): one for key, one in strong.cells.items()}
    controls = {PLACE: "classical", (10, "better"): "classical"}
    found = judge(replace(weak, cells=cells, controls=controls, chosen=dict.fromkeys(controls), _kept={}))
    arms = {(one.model, one.arm): one.metrics["balanced accuracy"] for one in found.results if one.arm != "placebo"}
    best, rival = (
        max((v.value or 0, arm) for (model, arm), v in arms.items() if model == m) for m in ("better", PLACE[1])
    )
    reached, gap = arms["better", best[1]], 100 * (best[0] - rival[0])
    line = found.verdict.advice[0]
    assert line.startswith(
        f"Best at 10 images per class (better): arm {best[1]}, balanced accuracy {100 * best[0]:.1f}% (95% CI "
        f"{100 * (reached.low or 0):.1f} to {100 * (reached.high or 0):.1f}), {gap:+.1f} points (95% CI "
    )
    assert line.endswith(f") over simulated ({rival[1]}).")
    alone = judge(weak).verdict.advice
    assert not any(line.startswith("Best ") for line in alone)


@pytest.mark.parametrize(("worse", "said"), [(-0.05, True), (0.08, False)])
def test_good_images_alone_are_advised_where_they_are_at_least_as_good(worse: float, said: bool) -> None:
    """`worse` is by how much good images alone fall behind a classifier that saw defects too."""
    lower = {"classical": max(0.0, -worse), "real": max(0.0, worse), "placebo": 0.0}
    drawn = simulate(World(images=420, pieces=300, classes=2, task="good", level=0.9, lower=lower), 8, 3)
    cells = {replace(key, arm="one-class" if key.arm == "real" else key.arm): one for key, one in drawn.cells.items()}
    found = judge(replace(drawn, cells=cells, controls={PLACE: "classical"}, _kept={}))
    means = {one.arm: one.metrics["AUROC"].value or 0 for one in found.results}
    assert means["one-class"] - means["classical"] == pytest.approx(-worse, abs=0.03)
    lines = [line for line in found.verdict.advice if line.startswith("Collect good images, no defect is needed")]
    assert len(lines) == said
    assert not any("needs no generator: one-class" in line for line in found.verdict.advice)
