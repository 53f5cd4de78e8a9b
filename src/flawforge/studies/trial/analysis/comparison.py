"""One comparison of a trial: an arm with generated images against the control, in all and class by class."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from flawforge.core.arrays import Floats32, Ints
from flawforge.core.settings.arms import ARMS, shows_new_images
from flawforge.core.settings.trials import FEWEST_REPEATS
from flawforge.metrics.detection.pixels import average_precision
from flawforge.metrics.inference.multiple_testing import holm
from flawforge.metrics.inference.paired import Gain, gain, hierarchical_draws
from flawforge.metrics.inference.power import Design
from flawforge.metrics.inference.resampling import Resampled, resampled
from flawforge.runs.estimates import Estimate
from flawforge.runs.trials import ClassGain, Comparison, Flip, Rival, Word
from flawforge.studies.trial.analysis import sentences
from flawforge.studies.trial.analysis.evidence import Evidence, Setting

CLASS_GROUPS = 8  # of a class in the test set, from which on it is measured alone
CHANGED_IMAGES = 8  # shown each way
CHANGED = 0.1  # of an image's own pixel average precision, from which its map counts as changed
Gains = dict[str, Gain]  # of an arm over each arm without generated images, the control first


@dataclass(frozen=True)
class PairedArms:
    """An arm with generated images and the control, on the repeats that both have."""

    evidence: Evidence
    setting: Setting
    arm: str
    control: str
    repeats: list[int]

    def resampled(self, metric: str = "") -> tuple[Resampled, Resampled]:
        """Return a metric, the verdict's where none is named, of the arm and of the control."""
        found = (self.evidence.resampled(self.setting, arm, self.repeats, metric) for arm in (self.arm, self.control))
        treated, base = found
        return treated, base

    def stacks(self) -> tuple[Floats32, Floats32]:
        """Return the (S, N, K) probabilities of the arm and of the control."""
        treated, base = (self.evidence.stack(self.setting, name, self.repeats) for name in (self.arm, self.control))
        return treated, base


def measure(evidence: Evidence, setting: Setting, arm: str) -> Gains:
    """Return an arm's gain over the control and over every other arm without generated images; empty: too few repeats.

    The others are there because the inner choice of the control can be wrong: a gain over the second-best classical
    arm is none. An arm that must beat each of several at the error e beats the best of them wrongly at most with e
    (intersection-union test: Berger 1982), however the control was chosen.
    """
    control = evidence.control(setting)
    others = [other for other in evidence.arms(setting) if not shows_new_images(other) and other != control]
    return gains_over(evidence, setting, arm, [control, *others])


def gains_over(evidence: Evidence, setting: Setting, arm: str, others: list[str]) -> Gains:
    """Return the gain of an arm over each of the others, on the repeats that all have; empty with fewer than three."""
    repeats = evidence.repeats(setting, [arm, *others])
    if len(repeats) < FEWEST_REPEATS:
        return {}
    own = evidence.resampled(setting, arm, repeats)
    return {other: gain(own - evidence.resampled(setting, other, repeats)) for other in others}


def without_generating(evidence: Evidence, setting: Setting) -> Gains:
    """Return the gain over `classical` of each arm that adds knowledge or images without a generator."""
    found = {arm: gains_over(evidence, setting, arm, ["classical"]) for arm in ARMS if ARMS[arm].alternative}
    return {arm: gains["classical"] for arm, gains in found.items() if gains}


def best_without(evidence: Evidence, setting: Setting) -> tuple[str, Gain | None]:
    """Return the best arm without new images, which was chosen on the training images, and its gain over `classical`.

    No gain of `classical` itself, or where repeats are too few.
    """
    control = evidence.control(setting)
    gains = {} if control == "classical" else gains_over(evidence, setting, control, ["classical"])
    return control, gains.get("classical")


def better_without_generator(evidence: Evidence, setting: Setting, level: float) -> tuple[str, Estimate] | None:
    """Return an arm without a generator that beats `classical`, and by how much; None where none does.

    `one-class`, which needs no defective image, is judged apart. It is the one chosen on the training images if that
    beats it, else the best that does so on the test images, where the interval is as much wider as there are arms to
    find it among.
    """
    found = without_generating(evidence, setting)
    found.pop("one-class", None)
    chosen = evidence.control(setting)
    among = {
        arm: estimate(over, level if arm == chosen else 1 - (1 - level) / len(found)) for arm, over in found.items()
    }
    better = {arm: over for arm, over in among.items() if (over.low or 0) > 0}
    best = max(better, key=lambda arm: (arm == chosen, better[arm].value), default=None)
    return None if best is None else (best, better[best])


@dataclass(frozen=True)
class BestOfModels:
    """The model and arm that did best with some number of shots, beside the best arm of each other model.

    Attributes:
        shots, model, arm: which.
        reached: the verdict's metric, the mean over repeats, with its interval.
        others: model to its best arm and the gain over it, on the repeats that both have.
    """

    shots: int
    model: str
    arm: str
    reached: Estimate
    others: dict[str, tuple[str, Estimate]]


def best_of_models(evidence: Evidence, shots: int) -> BestOfModels | None:
    """Compare the models of a trial, each in the arm in which it did best; None where fewer than two can be compared.

    The placebo is no arm to take: it only controls.
    """
    best: dict[str, tuple[float, str]] = {}
    repeats: dict[str, list[int]] = {}
    for setting in evidence.settings():
        arms = [arm for arm in evidence.arms(setting) if arm != "placebo"]
        common = evidence.repeats(setting, arms)
        if setting[0] == shots and len(common) >= FEWEST_REPEATS:
            best[setting[1]] = max((evidence.mean(setting, arm, common), arm) for arm in arms)
            repeats[setting[1]] = common
    if len(best) < 2:
        return None
    model = max(best, key=lambda name: best[name][0])
    arm = best[model][1]
    own = evidence.resampled((shots, model), arm, repeats[model])
    others = {}
    for other, (_, rival) in best.items():
        common = sorted({*repeats[model]} & {*repeats[other]})
        if other != model and len(common) >= FEWEST_REPEATS:
            mine, theirs = ((shots, model), arm), ((shots, other), rival)
            treated, base = (evidence.resampled(setting, name, common) for setting, name in (mine, theirs))
            others[other] = rival, estimate(gain(treated - base), 0.95)
    return BestOfModels(shots, model, arm, estimate(gain(own), 0.95), others)


def p_helps(gains: Gains) -> float:
    """Return the one-sided p-value of a gain over all: the largest of them."""
    return max(over.p_above for over in gains.values())


def p_hurts(gains: Gains) -> float:
    """Return the one-sided p-value of a loss against the control."""
    return 1 - next(iter(gains.values())).p_above


def estimate(found: Gain, level: float) -> Estimate:
    """Return a gain as the record holds it, with its interval at `level`."""
    low, high = found.at(level)
    return Estimate(value=found.value, low=low, high=high, level=level)


def compare_arms(
    evidence: Evidence,
    setting: Setting,
    arm: str,
    gains: Gains,
    word: Word | None,
    p_corrected: float | None,
    *,
    error: float,
    shared: int,
    decides: bool,
) -> Comparison:
    """Return a comparison as the record holds it.

    Args:
        evidence: of the trial.
        setting, arm, gains: what is compared, as measured.
        word: of a comparison that counts; None where it decides nothing.
        p_corrected: over all comparisons that count.
        error: one-sided, now.
        shared: comparisons that share the error.
        decides: whether it is time for the classes' words.
    """
    control, *rivals = gains
    over, level = gains[control], 1 - 2 * error
    repeats = evidence.repeats(setting, [arm, *gains])
    pair = PairedArms(evidence, setting, arm, control, repeats)
    p, least = over.sign_flips()
    gained, lost, flips = changed_images(pair)
    lows = {rival: gains[rival].at()[0] for rival in rivals}
    return Comparison(
        shots=setting[0],
        model=setting[1],
        arm=arm,
        control=control,
        primary=word is not None,
        chosen=evidence.advised(setting),
        seeds=repeats,
        differences=over.differences.tolist(),
        gain=estimate(over, level),
        effect=over.effect,
        p=over.p,
        p_corrected=p_corrected,
        p_permutation=p,
        p_least=least,
        error_removed=error_removed(pair, level),
        detectable=Design.of(over, error / shared, len(gains)).detectable(len(repeats)),
        rivals=[Rival(arm=rival, gain=estimate(gains[rival], level), p=gains[rival].p_above) for rival in rivals],
        word=word or "no evidence",
        why=sentences.FOR_COMPARISON if word is None else sentences.reason(word, control, over.at(), lows),
        classes=class_gains(pair, error, shared, decides),
        gained=gained,
        lost=lost,
        flips=flips,
        figures={
            name: estimate(gain(treated - base), level)
            for name in evidence.figures
            if name != evidence.metric
            for treated, base in [pair.resampled(name)]
        },
    )


def error_removed(pair: PairedArms, level: float) -> Estimate:
    """Return the share of the control's error (1 - metric) that is gone, with a bootstrap interval.

    None where the control makes no error.
    """
    own, base = pair.resampled()
    left, before = 1 - float(own.values.mean()), 1 - float(base.values.mean())
    errors = 1 - hierarchical_draws(base, pair.evidence.seed)
    value = None if before <= 0 else 1 - left / before
    if value is None or (errors <= 0).any():
        return Estimate(value=value, low=None, high=None, level=level)
    ratios = 1 - (1 - hierarchical_draws(own, pair.evidence.seed)) / errors
    low, high = np.quantile(ratios, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(value=value, low=float(low), high=float(high), level=level)


def class_gains(pair: PairedArms, error: float, shared: int, decides: bool = True) -> list[ClassGain]:
    """Return the comparison class by class, at a one-sided error; no word is said unless it is time that it `decides`.

    The p-values are corrected over the classes (Holm) and over the `shared` comparisons (Bonferroni).
    """
    evidence, classes = pair.evidence, pair.evidence.class_statistics()
    sizes = {name: (int(own.sum()), len(np.unique(evidence.groups[own]))) for name, own, _, _ in classes}
    measured: Gains = {}
    for name, _, of, statistic in classes:
        if sizes[name][1] >= CLASS_GROUPS:
            true, specimens = evidence.labels[of], evidence.groups[of]
            treated, base = (
                resampled(stack[:, of], true, specimens, statistic, evidence.seed) for stack in pair.stacks()
            )
            measured[name] = gain(treated - base)
    corrected = dict(zip(measured, holm([min(1.0, shared * found.p) for found in measured.values()]), strict=True))
    out = []
    for name, (images, groups) in sizes.items():
        shown, p, detectable, why = Estimate(value=None, low=None, high=None), None, None, ""
        word: Word = "no evidence"
        if name in measured:
            found, p = measured[name], float(corrected[name])
            shown = estimate(found, 1 - 2 * error)
            detectable = Design.of(found, error / len(classes) / shared).detectable(len(pair.repeats))
            if decides and p <= 2 * error:
                word = "helps" if found.value > 0 else "hurts"
        else:
            why = sentences.few_specimens(groups, CLASS_GROUPS)
        row = ClassGain(
            label=name, gain=shown, p=p, word=word, detectable=detectable, images=images, groups=groups, why=why
        )
        out.append(row)
    return out


def changed_images(pair: PairedArms) -> tuple[int, int, list[Flip]]:
    """Return how often an image turned right and wrong over all repeats, and those that did so most consistently."""
    if pair.evidence.task == "locate":
        return changed_maps(pair)
    evidence, (after, before) = pair.evidence, (stack.argmax(axis=2) for stack in pair.stacks())
    was, now = before == evidence.labels, after == evidence.labels
    gained, lost = (now & ~was).sum(axis=0), (was & ~now).sum(axis=0)
    net = gained - lost
    shown = _most_changed(net)

    def predicted(codes: Ints, i: int) -> str:
        """Return the class predicted most often in the repeats in which it changed the way it is shown for."""
        turned = now[:, i] & ~was[:, i] if net[i] > 0 else was[:, i] & ~now[:, i]
        return evidence.classes[Counter(codes[turned, i].tolist()).most_common(1)[0][0]]

    flips = [
        Flip(
            file=evidence.files[i],
            label=evidence.classes[evidence.labels[i]],
            before=predicted(before, i),
            after=predicted(after, i),
            gained=int(gained[i]),
            lost=int(lost[i]),
            seeds=len(pair.repeats),
        )
        for i in shown
    ]
    return int(gained.sum()), int(lost.sum()), flips


def changed_maps(pair: PairedArms) -> tuple[int, int, list[Flip]]:
    """Return how often the pixel average precision of a defective image alone rose and fell by `CHANGED` or more over
    all repeats, and the images in which it did so most consistently.
    """
    evidence = pair.evidence
    defective = np.flatnonzero(evidence.labels != evidence.good)
    own, base = (
        np.array([average_precision(table, np.eye(len(defective))) for table in stack[:, defective].astype(np.float64)])
        for stack in pair.stacks()
    )
    change = np.nan_to_num(own - base)  # an image that is a defect all over has no ground
    gained, lost = (change >= CHANGED).sum(axis=0), (change <= -CHANGED).sum(axis=0)
    flips = [
        Flip(
            file=evidence.files[defective[i]],
            label=evidence.classes[evidence.labels[defective[i]]],
            before=f"{100 * base[:, i].mean():.0f}%",
            after=f"{100 * own[:, i].mean():.0f}%",
            gained=int(gained[i]),
            lost=int(lost[i]),
            seeds=len(pair.repeats),
        )
        for i in _most_changed(gained - lost)
    ]
    return int(gained.sum()), int(lost.sum()), flips


def _most_changed(net: Ints) -> list[int]:
    """Return the images of the largest net change for the better, then for the worse."""
    up = [int(i) for i in np.argsort(-net, kind="stable")[:CHANGED_IMAGES] if net[i] > 0]
    return up + [int(i) for i in np.argsort(net, kind="stable")[:CHANGED_IMAGES] if net[i] < 0]
