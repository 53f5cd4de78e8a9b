"""The verdict of a trial: helps, no evidence, or hurts, from the cells that are done.

- One comparison for each (shots, model): the arm that the inner choice advises, against the control it chose. Both were
  chosen inside the training images, so the test images decide once.
- "helps": the gain is above 0 over the control and over each other arm without generated images.
- "hurts": it is below 0 against the control.
- Each with an error of 2.5 % over all comparisons together (Holm), and over all looks (`metrics.sequential`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flawforge.core.settings.arms import uses_generated
from flawforge.core.settings.trials import FEWEST_REPEATS
from flawforge.metrics.inference.classification import TASK_STATISTICS, confusion
from flawforge.metrics.inference.equivalent_images import worth
from flawforge.metrics.inference.multiple_testing import holm, rejected
from flawforge.metrics.inference.paired import estimate
from flawforge.runs.gains import Comparison, Estimate, Look, Word, Worth
from flawforge.runs.trials import ArmResult, Verdict
from flawforge.studies.trial.analysis.comparison import (
    Measured,
    class_gains,
    error_removed,
    estimate_of,
    flips_of,
    measure,
    permutation_of,
    rivals_of,
)
from flawforge.studies.trial.analysis.evidence import Evidence, Place
from flawforge.studies.trial.analysis.sentences import advice, reason, trial_sentence, trial_word, worth_sentence

ERROR = 0.025  # one-sided, over all comparisons and looks: of a false "helps", and of a false "hurts"


@dataclass(frozen=True)
class Judgement:
    """What the judge adds to the record; fields as there. `look.stopped`: no more seeds are needed."""

    results: list[ArmResult]
    comparisons: list[Comparison]
    worth: list[Worth]
    look: Look
    verdict: Verdict


def judge(evidence: Evidence) -> Judgement:
    """Judge all that was measured.

    Raises:
        DataUnusableError: a place has no control. ValueError: probabilities that do not fit the test images.
    """
    found = measure_all(evidence)
    words, look = decide(evidence, found)
    comparisons = [_compare(evidence, one, words, _levels(evidence, found)) for one in found]
    valued = [one for place in _advised(evidence) for one in _worth(evidence, place)]
    results = [_result(evidence, place, arm) for place in evidence.places() for arm in evidence.arms(place)]
    lacking = [place for place in evidence.places() if not any(one.place == place for one in found)]
    verdict = Verdict(
        word=trial_word(comparisons),
        sentence=trial_sentence(evidence, comparisons, lacking),
        advice=advice(evidence, found, comparisons, valued, ERROR),
    )
    return Judgement(results, comparisons, valued, look, verdict)


def decide(evidence: Evidence, found: list[Measured]) -> tuple[dict[Place, Word], Look]:
    """Return the word of each advised comparison and whether the trial may stop here.

    It may when each of them is decided, or its whole interval lies below the smallest gain of interest: that rule
    never says "helps", so it costs no error. Where nothing is advised it goes on: the inner evidence of more repeats
    may advise something yet. A word that was said before the trial was extended stands while the plain test agrees.
    """
    primary = [one for one in found if evidence.advised(one.place) == one.arm]

    def level(left: int) -> float:
        return evidence.level(ERROR / left)

    none = [1.0] * evidence.left_out
    helps = rejected([*(one.p_helps for one in primary), *none], level)
    hurts = rejected([*(one.p_hurts for one in primary), *none], level)
    words: dict[Place, Word] = {
        one.place: "helps" if good else "hurts" if bad else "no evidence"
        for one, good, bad in zip(primary, helps, hurts, strict=False)
    }
    for one in primary:  # said before the trial was extended, when there was an error to spend
        said = evidence.stands.get((*one.place, one.arm))
        if words[one.place] == "no evidence" and said and (one.p_helps if said == "helps" else one.p_hurts) <= ERROR:
            words[one.place] = said
    now = level(1)
    too_small = {one.place for one in primary if now and one.gain.at(1 - 2 * now)[1] < evidence.wanted}
    wanted = _advised(evidence)
    settled = [place for place in wanted if words.get(place, "no evidence") != "no evidence" or place in too_small]
    decided = [f"{shots} shots, {model}" for shots, model in settled]
    stopped = bool(primary) and len(settled) == len(wanted)
    return words, Look(
        seeds=(evidence.looks or (evidence.planned,))[-1],
        planned=evidence.planned,
        level=now,
        decided=decided,
        stopped=stopped,
    )


def measure_all(evidence: Evidence) -> list[Measured]:
    """Return every comparison of an arm with generated images that has seeds enough."""
    pairs = [(place, arm) for place in evidence.places() for arm in evidence.arms(place) if uses_generated(arm)]
    found = [measure(evidence, place, arm) for place, arm in pairs]
    return [one for one in found if one is not None]


def _advised(evidence: Evidence) -> list[Place]:
    return [place for place in evidence.places() if evidence.advised(place) in evidence.arms(place)]


@dataclass(frozen=True)
class _Levels:
    """Error of one comparison now, how many share it, and the corrected p of each advised one.

    Where it is too early for any decision `now` is the plain error, at which intervals are shown; `decides` is False.
    """

    now: float
    decides: bool
    shared: int
    corrected: dict[Place, float]


def _levels(evidence: Evidence, found: list[Measured]) -> _Levels:
    primary = [one for one in found if evidence.advised(one.place) == one.arm]
    now = evidence.level(ERROR)
    none = [1.0] * evidence.left_out
    helps = holm([*(one.p_helps for one in primary), *none])
    hurts = holm([*(one.p_hurts for one in primary), *none])
    corrected = {one.place: min(1.0, 2 * min(helps[i], hurts[i])) for i, one in enumerate(primary)}
    return _Levels(now or ERROR, now > 0, max(1, len(primary) + evidence.left_out), corrected)


def _compare(evidence: Evidence, one: Measured, words: dict[Place, Word], levels: _Levels) -> Comparison:
    advised = evidence.advised(one.place)
    primary = advised == one.arm
    word: Word = words[one.place] if primary else "no evidence"
    level = 1 - 2 * levels.now
    p, least = permutation_of(one)
    gained, lost, flips = flips_of(evidence, one)
    design = one.design(levels.now / levels.shared)
    return Comparison(
        shots=one.place[0],
        model=one.place[1],
        arm=one.arm,
        control=one.control,
        primary=primary,
        chosen=advised,
        seeds=one.seeds,
        differences=one.gain.differences.tolist(),
        gain=estimate_of(one.gain, level),
        effect=one.gain.effect,
        p=one.gain.p,
        p_corrected=levels.corrected[one.place] if primary else None,
        p_permutation=p,
        p_least=least,
        error_removed=error_removed(evidence, one, level),
        detectable=design.detectable(len(one.seeds)),
        rivals=rivals_of(one, level),
        word=word,
        why=reason(one, word, primary),
        classes=class_gains(evidence, one, levels.now, levels.shared, levels.decides),
        gained=gained,
        lost=lost,
        flips=flips,
    )


def _result(evidence: Evidence, place: Place, arm: str) -> ArmResult:
    seeds = evidence.seeds(place, [arm])
    metrics, values = {}, {}
    for metric in TASK_STATISTICS[evidence.task]:
        drawn = evidence.drawn(place, arm, seeds, metric)
        mean, low, high = estimate(drawn) if len(seeds) > 1 else (float(drawn.values[0]), None, None)
        metrics[metric] = Estimate(value=mean, low=low, high=high)
        values[metric] = drawn.values.tolist()
    table = np.sum([confusion(one, evidence.labels) for one in evidence.stack(place, arm, seeds)], axis=0)
    shares = {name: float(table[i, i] / max(1, table[i].sum())) for i, name in enumerate(evidence.classes)}
    return ArmResult(shots=place[0], model=place[1], arm=arm, seeds=seeds, metrics=metrics, values=values,
                     confusion=table.tolist(), recalls=shares)  # fmt: skip


def _worth(evidence: Evidence, place: Place) -> list[Worth]:
    """Read the worth of the advised arm off the control's curve, where there is one over all shots of the model."""
    arm, control = evidence.advised(place), evidence.control(place)
    curve = [other for other in evidence.places() if other[1] == place[1] and control in evidence.arms(other)]
    if arm is None or len(curve) < 2 or place == curve[-1]:  # at its end the curve has nothing above it to read
        return []
    each = [set(evidence.seeds(other, [control])) for other in curve]
    seeds = sorted(set.intersection(*each, set(evidence.seeds(place, [arm]))))
    if len(seeds) < FEWEST_REPEATS:
        return []
    base = [evidence.drawn(other, control, seeds, evidence.metric) for other in curve]
    if base[0].values.mean() >= base[-1].values.mean():
        return []
    treated = evidence.drawn(place, arm, seeds, evidence.metric)
    found = worth([other[0] for other in curve], base, treated, place[0], evidence.seed)
    words = worth_sentence(place, arm, control, found, (curve[0][0], curve[-1][0]))
    return [Worth(shots=place[0], model=place[1], arm=arm, images=found.images, low=found.low, high=found.high,
                  beyond=found.beyond, sentence=words)]  # fmt: skip
