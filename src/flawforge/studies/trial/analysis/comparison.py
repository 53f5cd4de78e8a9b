"""One comparison of a trial: an arm with generated images against the control, in all and class by class."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from flawforge.core.arrays import Ints
from flawforge.core.settings.arms import ARMS, uses_generated
from flawforge.core.settings.trials import FEWEST_REPEATS
from flawforge.metrics.inference.multiple_testing import holm
from flawforge.metrics.inference.paired import Gain, gain, hierarchical_draws
from flawforge.metrics.inference.permutation import sign_flips
from flawforge.metrics.inference.power import Design
from flawforge.metrics.inference.resampling import Resampled, resampled
from flawforge.runs.gains import ClassGain, Estimate, Flip, Rival, Word
from flawforge.studies.trial.analysis.evidence import Evidence, Place

FEWEST_GROUPS = 8  # of a class, to tell of it alone
SHOWN = 8  # changed images each way


@dataclass(frozen=True)
class Measured:
    """A comparison before it is judged among the others.

    Attributes:
        place, arm, control: what. seeds: that all arms there have.
        gain: against the control. rivals: against each other arm without generated images.
        p_helps: one-sided, the largest over control and rivals. p_hurts: one-sided against the control.
    """

    place: Place
    arm: str
    control: str
    seeds: list[int]
    gain: Gain
    rivals: dict[str, Gain]
    difference: Resampled

    @property
    def p_helps(self) -> float:
        return max(one.p_above for one in (self.gain, *self.rivals.values()))

    @property
    def p_hurts(self) -> float:
        return 1 - self.gain.p_above

    def design(self, error: float) -> Design:
        """Return what limits this comparison, at a one-sided error."""
        return Design(self.gain.parts, self.difference.freedom, error, 1 + len(self.rivals))


def measure(evidence: Evidence, place: Place, arm: str) -> Measured | None:
    """Compare an arm with the control and with every other arm without generated images; None: fewer than 3 seeds.

    The rivals are there because the inner choice of the control can be wrong: a gain over the second-best classical
    arm is none. An arm that must beat each of several at the error e beats the best of them wrongly at most with e
    (intersection-union test: Berger 1982), however the control was chosen.
    """
    control = evidence.control(place)
    others = [one for one in evidence.arms(place) if not uses_generated(one) and one != control]
    seeds = evidence.seeds(place, [arm, control, *others])
    if len(seeds) < FEWEST_REPEATS:
        return None
    mine, base = (evidence.drawn(place, one, seeds, evidence.metric) for one in (arm, control))
    rivals = {one: gain(mine - evidence.drawn(place, one, seeds, evidence.metric)) for one in others}
    return Measured(place, arm, control, seeds, gain(mine - base), rivals, mine - base)


def without_generating(evidence: Evidence, place: Place) -> dict[str, Gain]:
    """Return the gain over `classical` of each arm that adds knowledge or images without a generator."""
    out: dict[str, Gain] = {}
    for arm in (name for name, arm in ARMS.items() if arm.alternative):
        seeds = evidence.seeds(place, [arm, "classical"])
        if len(seeds) >= FEWEST_REPEATS:
            mine, base = (evidence.drawn(place, one, seeds, evidence.metric) for one in (arm, "classical"))
            out[arm] = gain(mine - base)
    return out


def estimate_of(found: Gain, level: float) -> Estimate:
    """Return a gain as the record holds it, with its interval at `level`."""
    low, high = found.at(level)
    return Estimate(value=found.value, low=low, high=high, level=level)


def rivals_of(found: Measured, level: float) -> list[Rival]:
    """Return the record's rivals."""
    return [Rival(arm=arm, gain=estimate_of(one, level), p=one.p_above) for arm, one in found.rivals.items()]


def permutation_of(found: Measured) -> tuple[float, float]:
    """Return the sign-flip p and the least possible one."""
    return sign_flips(found.gain.differences)


def error_removed(evidence: Evidence, found: Measured, level: float) -> Estimate:
    """Return the share of the control's error (1 - metric) that is gone, with a bootstrap interval.

    None where the control makes no error.
    """
    mine, base = (evidence.drawn(found.place, one, found.seeds, evidence.metric) for one in (found.arm, found.control))
    left, before = 1 - float(mine.values.mean()), 1 - float(base.values.mean())
    errors = 1 - hierarchical_draws(base, evidence.seed)
    if before <= 0 or (errors <= 0).any():
        return Estimate(value=None if before <= 0 else 1 - left / before, low=None, high=None, level=level)
    ratios = 1 - (1 - hierarchical_draws(mine, evidence.seed)) / errors
    low, high = np.quantile(ratios, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(value=1 - left / before, low=float(low), high=float(high), level=level)


def class_gains(
    evidence: Evidence, found: Measured, error: float, shared: int, decides: bool = True
) -> list[ClassGain]:
    """Return the comparison class by class, at a one-sided error; no word is said unless it is time that `decides`.

    The p-values are corrected over the classes (Holm) and over the `shared` comparisons (Bonferroni).
    """
    level = 1 - 2 * error
    rows: list[tuple[str, int, int, Gain | None, float | None, str]] = []
    for name, of, statistic in evidence.parts():
        own = of & (evidence.labels == 1) if evidence.task == "good" else of
        images, groups = int(own.sum()), len(np.unique(evidence.groups[own]))
        if groups < FEWEST_GROUPS:
            why = f"its test images show {groups} pieces of material; it takes {FEWEST_GROUPS}"
            rows.append((name, images, groups, None, None, why))
            continue
        mine, base = (
            resampled(evidence.stack(found.place, arm, found.seeds)[:, of], evidence.labels[of], evidence.groups[of],
                      statistic, evidence.seed)
            for arm in (found.arm, found.control)
        )  # fmt: skip
        one = gain(mine - base)
        seen = Design(one.parts, mine.freedom, error / len(evidence.parts()) / shared)
        rows.append((name, images, groups, one, seen.detectable(len(found.seeds)), ""))
    corrected = iter(holm([min(1.0, shared * row[3].p) for row in rows if row[3] is not None]))
    out = []
    for name, images, groups, measured, seen_gain, why in rows:
        p = None if measured is None else next(corrected)
        word: Word = "no evidence"
        if decides and measured is not None and p is not None and p <= 2 * error:
            word = "helps" if measured.value > 0 else "hurts"
        shown = Estimate(value=None, low=None, high=None) if measured is None else estimate_of(measured, level)
        out.append(ClassGain(label=name, gain=shown, p=p, word=word, detectable=seen_gain, images=images,
                             groups=groups, why=why))  # fmt: skip
    return out


def flips_of(evidence: Evidence, found: Measured) -> tuple[int, int, list[Flip]]:
    """Return how often an image turned right and wrong over all seeds, and the images that did so most constantly."""
    before, after = (evidence.stack(found.place, arm, found.seeds).argmax(axis=2) for arm in (found.control, found.arm))
    was, now = before == evidence.labels, after == evidence.labels
    gained, lost = (now & ~was).sum(axis=0), (was & ~now).sum(axis=0)
    net = gained - lost
    up = [i for i in np.argsort(-net, kind="stable")[:SHOWN] if net[i] > 0]
    down = [i for i in np.argsort(net, kind="stable")[:SHOWN] if net[i] < 0]

    def told(codes: Ints, i: int) -> str:
        """Return what an image was taken for most often in the seeds in which it changed the way it is shown for."""
        changed = now[:, i] & ~was[:, i] if net[i] > 0 else was[:, i] & ~now[:, i]
        return evidence.classes[Counter(codes[changed, i].tolist()).most_common(1)[0][0]]

    flips = [
        Flip(file=evidence.files[i], label=evidence.classes[evidence.labels[i]], before=told(before, i),
             after=told(after, i), gained=int(gained[i]), lost=int(lost[i]), seeds=len(found.seeds))
        for i in (*up, *down)
    ]  # fmt: skip
    return int(gained.sum()), int(lost.sum()), flips
