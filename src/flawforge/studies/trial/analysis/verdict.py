"""The verdict of a trial: helps, no evidence, or hurts, from the cells that are done.

- One comparison for each (shots, model): the arm that the inner choice advises, against the control it chose. Both were
  chosen on the training images, so the test images decide once.
- "helps": the gain is above 0 over the control and over each other arm without generated images.
- "hurts": it is below 0 against the control.
- Each with an error of 2.5% over all comparisons together (Holm), and over all interim analyses (`metrics.sequential`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flawforge.core.arrays import Floats32
from flawforge.core.settings.arms import shows_new_images
from flawforge.core.settings.trials import FEWEST_REPEATS
from flawforge.metrics.fidelity.confusion import confusion_table
from flawforge.metrics.inference.equivalent_images import equivalent_images
from flawforge.metrics.inference.multiple_testing import holm, rejected
from flawforge.metrics.inference.paired import gain
from flawforge.metrics.inference.power import ERROR
from flawforge.runs.estimates import Estimate
from flawforge.runs.trial_progress import InterimGain, InterimLook
from flawforge.runs.trials import (
    AdvisedArm,
    ArmResult,
    BestWithout,
    Comparison,
    EquivalentImages,
    InterimAnalysis,
    Verdict,
    Word,
)
from flawforge.studies.trial.analysis import sentences
from flawforge.studies.trial.analysis.advice import LEVEL, advice, outcome
from flawforge.studies.trial.analysis.advised_arms import advised_arms
from flawforge.studies.trial.analysis.comparison import (
    Gains,
    best_without,
    compare_arms,
    estimate,
    measure,
    p_helps,
    p_hurts,
)
from flawforge.studies.trial.analysis.evidence import Evidence, Setting

Measured = dict[tuple[Setting, str], Gains]  # of each arm with generated images that has enough repeats


@dataclass(frozen=True)
class Judgement:
    """What the verdict adds to the record; fields as there. `look.stopped`: no more repeats are needed."""

    results: list[ArmResult]
    comparisons: list[Comparison]
    worth: list[EquivalentImages]
    without: list[BestWithout]
    look: InterimAnalysis
    verdict: Verdict
    advised: list[AdvisedArm]


def judge(evidence: Evidence) -> Judgement:
    """Judge all that was measured.

    Raises:
        DataUnusableError: a setting has no control. ValueError: probabilities that do not fit the test images.
    """
    measured = measure_all(evidence)
    words, analysis = decide(evidence, measured)
    corrected = _corrected(evidence, measured)
    now = evidence.level(ERROR)
    comparisons = [
        compare_arms(
            evidence,
            setting,
            arm,
            gains,
            words.get(setting) if evidence.advised(setting) == arm else None,
            corrected.get(setting) if evidence.advised(setting) == arm else None,
            error=now or ERROR,  # where it is too early for any decision, intervals are shown at the plain error
            shared=max(1, len(words) + evidence.left_out),
            decides=now > 0,
        )
        for (setting, arm), gains in measured.items()
    ]
    results = [_result(evidence, setting, arm) for setting in evidence.settings() for arm in evidence.arms(setting)]
    found = {comparison.word for comparison in comparisons if comparison.primary}
    verdict = Verdict(  # a loss anywhere outweighs a gain elsewhere, for a promise never to be worse
        word="hurts" if "hurts" in found else "helps" if "helps" in found else "no evidence",
        sentence="\n".join(outcome(evidence, comparisons)),
        advice=advice(evidence, measured, comparisons, ERROR / max(1, len(words))),
    )
    worth = [part for setting in _advised(evidence) for part in _equivalent(evidence, setting)]
    without, advised = best_of_all_settings(evidence, comparisons), advised_arms(evidence, comparisons)
    return Judgement(results, comparisons, worth, without, analysis, verdict, advised)


def decide(evidence: Evidence, measured: Measured) -> tuple[dict[Setting, Word], InterimAnalysis]:
    """Return the word of each advised comparison and whether the trial may stop here.

    It may when each of them is decided, or its whole interval lies below the smallest gain of interest: that rule
    never says "helps", so it costs no error. Where nothing is advised it goes on: the inner evidence of more repeats
    may advise something yet. A word from before the trial was extended stands while the plain test agrees.
    """
    primary = _primary(evidence, measured)

    def level(left: int) -> float:
        return evidence.level(ERROR / left)

    none = [1.0] * evidence.left_out
    helps = rejected([*map(p_helps, primary.values()), *none], level)
    hurts = rejected([*map(p_hurts, primary.values()), *none], level)
    words: dict[Setting, Word] = {
        setting: "helps" if good else "hurts" if bad else "no evidence"
        for setting, good, bad in zip(primary, helps, hurts, strict=False)
    }
    for setting, gains in primary.items():  # from before the trial was extended, when there was an error to spend
        earlier = evidence.stands.get((*setting, evidence.advised(setting) or ""))
        p = p_helps(gains) if earlier == "helps" else p_hurts(gains)
        if words[setting] == "no evidence" and earlier and p <= ERROR:
            words[setting] = earlier
    now, wanted = level(1), _advised(evidence)
    over_control = {setting: next(iter(gains.values())) for setting, gains in primary.items()}
    too_small = {s for s, over in over_control.items() if now and over.at(1 - 2 * now)[1] < evidence.wanted}
    settled = [s for s in wanted if words.get(s, "no evidence") != "no evidence" or s in too_small]
    return words, InterimAnalysis(
        seeds=evidence.now,
        planned=evidence.planned,
        level=now,
        decided=[f"{f'{shots} shots' if shots else 'all images'}, {model}" for shots, model in settled],
        stopped=bool(primary) and len(settled) == len(wanted),
    )


def look_of(evidence: Evidence, measured: Measured, analysis: InterimAnalysis) -> InterimLook:
    """Return what an interim analysis has seen, for those who watch: each gain with the interval of its level, which
    all settings share.
    """
    primary, gains = _primary(evidence, measured), []
    level = evidence.level(ERROR / max(1, len(primary) + evidence.left_out)) or analysis.level
    for setting, over in primary.items():
        control, found = next(iter(over.items()))
        arm, seen = evidence.advised(setting) or "", estimate(found, 1 - 2 * level)
        gains.append(InterimGain(shots=setting[0], model=setting[1], arm=arm, control=control, gain=seen))
    planned = analysis.planned
    return InterimLook(repeats=analysis.seeds, planned=planned, stopped=analysis.stopped, gains=gains)


def best_of_all_settings(evidence: Evidence, comparisons: list[Comparison]) -> list[BestWithout]:
    """Return the best arm without new images of each setting, as the record holds it."""
    levels = {(comparison.shots, comparison.model): comparison.gain.level for comparison in comparisons}
    out = []
    for setting in evidence.settings():
        arm, over = best_without(evidence, setting)
        gain = None if over is None else estimate(over, levels.get(setting, LEVEL))
        sentence = sentences.without_new_images(arm, gain, evidence.where(setting), setting in evidence.chosen)
        out.append(BestWithout(shots=setting[0], model=setting[1], arm=arm, gain=gain, sentence=sentence))
    return out


def measure_all(evidence: Evidence) -> Measured:
    """Return every comparison of an arm with generated images that has enough repeats."""
    pairs = [
        (setting, arm) for setting in evidence.settings() for arm in evidence.arms(setting) if shows_new_images(arm)
    ]
    found = {(setting, arm): measure(evidence, setting, arm) for setting, arm in pairs}
    return {pair: gains for pair, gains in found.items() if gains}


def _primary(evidence: Evidence, measured: Measured) -> dict[Setting, Gains]:
    return {setting: gains for (setting, arm), gains in measured.items() if evidence.advised(setting) == arm}


def _advised(evidence: Evidence) -> list[Setting]:
    return [setting for setting in evidence.settings() if evidence.advised(setting) in evidence.arms(setting)]


def _corrected(evidence: Evidence, measured: Measured) -> dict[Setting, float]:
    """Return the two-sided p-value of each advised comparison, corrected over all of them."""
    primary, none = _primary(evidence, measured), [1.0] * evidence.left_out
    helps = holm([*map(p_helps, primary.values()), *none])
    hurts = holm([*map(p_hurts, primary.values()), *none])
    return {s: min(1.0, 2 * float(p)) for s, p in zip(primary, np.minimum(helps, hurts), strict=False)}


def _result(evidence: Evidence, setting: Setting, arm: str) -> ArmResult:
    repeats = evidence.repeats(setting, [arm])
    metrics, values = {}, {}
    for metric in evidence.figures:
        measured = evidence.resampled(setting, arm, repeats, metric)
        values[metric] = measured.values.tolist()
        low, high = gain(measured).at() if len(repeats) > 1 else (None, None)
        metrics[metric] = Estimate(value=float(measured.values.mean()), low=low, high=high)
    table, recalls = by_class(evidence, evidence.stack(setting, arm, repeats))
    return ArmResult(
        shots=setting[0],
        model=setting[1],
        arm=arm,
        seeds=repeats,
        metrics=metrics,
        values=values,
        confusion=table,
        recalls=recalls,
    )


def by_class(evidence: Evidence, outputs: Floats32) -> tuple[list[list[int]], dict[str, float]]:
    """Return the confusion table over all repeats, and each class's recall; of maps no table, and what stands in the
    place of recall.
    """
    if evidence.task == "locate":
        once = np.ones((1, len(evidence.labels)))
        return [], {
            name: float(np.mean([statistic(table.astype(np.float64), evidence.labels, once)[0] for table in outputs]))
            for name, _, _, statistic in evidence.class_statistics()
        }
    classes = len(evidence.classes)
    table = confusion_table(np.tile(evidence.labels, len(outputs)), outputs.argmax(2).ravel(), (classes, classes))
    recalls = {name: float(table[i, i] / max(1, table[i].sum())) for i, name in enumerate(evidence.classes)}
    return table.tolist(), recalls


def _equivalent(evidence: Evidence, setting: Setting) -> list[EquivalentImages]:
    """Read the equivalent real images off the control's curve, where there is one over all shots of the model."""
    (shots, model), arm, control = setting, evidence.advised(setting), evidence.control(setting)
    curve = [other for other in evidence.settings() if other[1] == model and control in evidence.arms(other)]
    if arm is None or len(curve) < 2 or setting == curve[-1]:  # at its end the curve has nothing above it to read
        return []
    each = [set(evidence.repeats(other, [control])) for other in curve]
    repeats = sorted(set.intersection(*each, set(evidence.repeats(setting, [arm]))))
    if len(repeats) < FEWEST_REPEATS:
        return []
    base = [evidence.resampled(other, control, repeats) for other in curve]
    if base[0].values.mean() >= base[-1].values.mean():
        return []
    treated = evidence.resampled(setting, arm, repeats)
    found = equivalent_images([other[0] for other in curve], base, treated, shots, evidence.seed)
    sentence = sentences.equivalence(shots, model, arm, control, found, (curve[0][0], curve[-1][0]), evidence.rare)
    return [EquivalentImages(shots=shots, model=model, arm=arm, **found._asdict(), sentence=sentence)]
