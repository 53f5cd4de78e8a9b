"""Which sentences a trial says: its outcome, one comparison a line, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping

from flawforge.core.settings.arms import ARMS, judged_arm, shows_new_images
from flawforge.core.settings.trials import FEWEST_REPEATS
from flawforge.metrics.inference.power import Design
from flawforge.runs.estimates import Estimate
from flawforge.runs.trial_words import kind
from flawforge.runs.trials import Comparison
from flawforge.studies.trial.analysis import sentences
from flawforge.studies.trial.analysis.comparison import (
    CLASS_GROUPS,
    Gains,
    best_of_models,
    best_without,
    better_without_generator,
    estimate,
    gains_over,
    without_generating,
)
from flawforge.studies.trial.analysis.evidence import Evidence, Setting

REPEATS_ADVISED = 100  # at most
LEVEL = 0.95  # of intervals where no comparison sets it
COMPOSED = ("compose", "relight")
SHOWN = 4  # comparisons that decide nothing, in the outcome


def outcome(evidence: Evidence, comparisons: list[Comparison]) -> list[str]:
    """Return the outcome for a reader who knows no statistics: what is best where nothing needs to be generated, then a
    sentence for each comparison that counts.
    """
    remaining = [_remaining(evidence, comparison) for comparison in comparisons if comparison.arm in COMPOSED]
    return [*_best_is_not_generated(evidence, comparisons), *_of_generated(evidence, comparisons), *remaining]


def _remaining(evidence: Evidence, comparison: Comparison) -> str:
    """Return what remains of composed images over the arm without new images that does best beside them."""
    gains = {comparison.control: comparison.gain} | {rival.arm: rival.gain for rival in comparison.rivals}
    best = min(gains, key=lambda arm: gains[arm].value or 0.0)
    return sentences.remains(comparison.arm, evidence.where((comparison.shots, comparison.model)), best, gains[best])


def _best_is_not_generated(evidence: Evidence, comparisons: list[Comparison]) -> list[str]:
    """Return a sentence for each setting in which an arm without a generator is better than `classical`, and generated
    images are not known to be better than it.
    """
    lines = []
    for setting in evidence.settings():
        arm, over = best_without(evidence, setting)
        compared = [comparison for comparison in comparisons if (comparison.shots, comparison.model) == setting]
        beaten = any(comparison.primary and (comparison.gain.low or 0) > 0 for comparison in compared)
        if over is not None and not beaten:
            found = estimate(over, compared[0].gain.level if compared else LEVEL)
            if (found.low or 0) > 0:
                lines.append(sentences.best_is_not_generated(arm, found, evidence.where(setting)))
    return lines


def _of_generated(evidence: Evidence, comparisons: list[Comparison]) -> list[str]:
    """Return what the comparisons say."""
    if not comparisons and not any(shows_new_images(key.arm) for key in evidence.cells):
        return [sentences.NOTHING_GENERATED, *_over_classical(evidence)]
    if not comparisons:
        return [sentences.too_early(FEWEST_REPEATS)]
    order = ("helps", "hurts", "no evidence")
    primary = sorted((c for c in comparisons if c.primary), key=lambda c: order.index(c.word))
    if not primary:
        fixed = not set(evidence.settings()) & set(evidence.chosen)
        shown = sentences.if_used(
            [(c.arm, evidence.where((c.shots, c.model)), _possible(evidence, c)) for c in comparisons[:SHOWN]],
            "For comparison only" if fixed else "If used anyway",
        )
        return [f"{sentences.NONE_COUNTS if fixed else sentences.not_favoured()} {shown}"]
    lines = []
    for comparison in primary:
        where, room = evidence.where((comparison.shots, comparison.model)), _room(evidence, comparison)
        line = sentences.trial_verdict(
            comparison.word, where, evidence.metric, _possible(evidence, comparison), comparison.arm
        )
        if comparison.word == "no evidence":
            if (comparison.gain.low or 0) > 0:
                line = f"{line} This is {comparison.why}."
            line = f"{line} {sentences.power(comparison.detectable, room, comparison.control)}"
        lines.append(line)
    settings = {(c.shots, c.model): c.chosen for c in comparisons}
    lines += [sentences.not_favoured(evidence.where(setting)) for setting in settings if settings[setting] is None]
    lacking = [setting for setting in evidence.settings() if setting not in settings]
    return [*lines, *(sentences.too_early(FEWEST_REPEATS, evidence.where(setting)) for setting in lacking)]


def _over_classical(evidence: Evidence) -> list[str]:
    """Return what each arm brought over `classical` in a trial without generated images, or that it is too early."""
    lines = []
    for setting in evidence.settings():
        others = [arm for arm in evidence.arms(setting) if arm != "classical"]
        gains = {arm: gains_over(evidence, setting, arm, ["classical"]).get("classical") for arm in others}
        shown = [(arm, estimate(over, LEVEL)) for arm, over in gains.items() if over is not None]
        where = evidence.where(setting)
        lines.append(sentences.over_classical(shown, where) if shown else sentences.too_early(FEWEST_REPEATS, where))
    return lines


def advice(
    evidence: Evidence, measured: Mapping[tuple[Setting, str], Gains], comparisons: list[Comparison], error: float
) -> list[str]:
    """Return what to do next, a sentence each, the most urgent first; `error` is one-sided, of one comparison."""
    out = [_best_model(evidence, shots) for shots in sorted({shots for shots, _ in evidence.settings()})]
    out = [line for line in out if line]
    levels = {(c.shots, c.model): c.gain.level for c in comparisons}
    for setting in evidence.settings():
        out += _needs_no_generator(evidence, setting, levels.get(setting, LEVEL))
    primary = [comparison for comparison in comparisons if comparison.primary]
    for comparison in primary:
        where = evidence.where((comparison.shots, comparison.model))
        if comparison.word == "hurts":
            out.append(sentences.use_none(where, comparison.arm))
        else:
            worse = [part.label for part in comparison.classes if part.word == "hurts"]
            out += [sentences.lowers_class(label, where, evidence.task, comparison.arm) for label in worse]
    for comparison in primary:
        if comparison.word == "no evidence":
            gains = measured[(comparison.shots, comparison.model), comparison.arm]
            out += _without_evidence(evidence, comparison, gains, error)
    out += _compose_instead(evidence, comparisons)
    short = sorted({part.label for comparison in comparisons for part in comparison.classes if part.why})
    if short:
        out.append(sentences.photograph(short, CLASS_GROUPS))
    for c in comparisons:
        if not c.primary and c.arm != "only-generated" and (c.gain.low or 0) > 0:
            out.append(sentences.hint(c.arm, c.control, c.gain, evidence.where((c.shots, c.model))))
    helped = [comparison for comparison in primary if comparison.word == "helps"]
    if any(kind(comparison.arm) == "composed" for comparison in helped):
        out.append(sentences.use_composed())
    elif not out and helped:
        out.append(sentences.USE_THEM)
    return list(dict.fromkeys(out))


def _compose_instead(evidence: Evidence, comparisons: list[Comparison]) -> list[str]:
    """Return where composed images, which are better than the control, are as good as those of a generator."""
    out = []
    better = [found for found in comparisons if found.arm == "compose" and (found.gain.value or 0) > 0]
    for comparison in better:
        setting = (comparison.shots, comparison.model)
        arm = judged_arm([name for name in evidence.arms(setting) if name in ARMS and ARMS[name].needs_generator])
        over = {} if arm is None else gains_over(evidence, setting, arm, ["compose"])
        if arm is not None and over and over["compose"].at(comparison.gain.level)[0] <= 0:
            found = estimate(over["compose"], comparison.gain.level)
            out.append(sentences.compose_instead(evidence.where(setting), arm, found))
    return out


def _needs_no_generator(evidence: Evidence, setting: Setting, level: float) -> list[str]:
    """Return which arms to try first: that good images alone do, and the arm without a generator that beats
    `classical`.
    """
    out = []
    alone = without_generating(evidence, setting).get("one-class")  # it needs no defective image
    if alone is not None and (estimate(alone, level).low or 0) > -evidence.wanted:
        out.append(sentences.collect_good(estimate(alone, level), evidence.where(setting)))
    best = better_without_generator(evidence, setting, level)
    return [*out, *([] if best is None else [sentences.needs_no_generator(*best, evidence.where(setting))])]


def _best_model(evidence: Evidence, shots: int) -> str:
    """Return which model and arm did best, where a trial has several models; else nothing."""
    found = best_of_models(evidence, shots)
    if found is None:
        return ""
    others = [(model, arm, over) for model, (arm, over) in found.others.items()]
    return sentences.best_model(evidence.where((shots, found.model)), found.arm, evidence.metric, found.reached, others)


def _without_evidence(evidence: Evidence, comparison: Comparison, gains: Gains, error: float) -> list[str]:
    """Return what to do where nothing is clear: take what needs no generator, or how many repeats would tell."""
    where, over = evidence.where((comparison.shots, comparison.model)), gains[comparison.control]
    if comparison.gain.high is not None and comparison.gain.high < evidence.wanted:
        return [sentences.too_small(where, evidence.wanted, comparison.arm)]
    out = [sentences.loss_so_far(where, comparison.arm)] if over.value < 0 else []
    rivals = [arm for arm in gains if ARMS[arm].alternative and arm != comparison.control]
    unbeaten = min(rivals, key=lambda arm: gains[arm].value, default=comparison.control)
    if gains[unbeaten].value < min(over.value, evidence.wanted):  # more repeats would not help
        return [
            *out,
            sentences.no_better_than(unbeaten, estimate(gains[unbeaten], comparison.gain.level), where, comparison.arm),
        ]
    narrowest = min([comparison.control, *rivals], key=lambda arm: gains[arm].value)  # a verdict takes all of them
    design, repeats = Design.of(gains[narrowest], error, len(gains)), len(comparison.seeds)
    aim = max(evidence.wanted, gains[narrowest].value)  # of a loss nobody hopes for the size
    wanted = design.repeats_wanted(aim, REPEATS_ADVISED)
    if wanted is None:
        return [*out, sentences.more_specimens(REPEATS_ADVISED, design.detectable(REPEATS_ADVISED), where)]
    what = where if narrowest == comparison.control else f"over {narrowest} {where}"
    return [*out, sentences.more_repeats(max(wanted, repeats + 1), aim, what, evidence.ended)]


def _possible(evidence: Evidence, comparison: Comparison) -> Estimate:
    """Return the gain with its interval cut to what the control leaves."""
    room = _room(evidence, comparison)
    return comparison.gain.within(room - 1, room)


def _room(evidence: Evidence, comparison: Comparison) -> float:
    """Return what the control leaves to gain, a share."""
    return 1 - evidence.mean((comparison.shots, comparison.model), comparison.control, comparison.seeds)
