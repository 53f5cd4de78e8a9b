"""Which sentences a trial says: its outcome, one comparison a line, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping

from flawforge.core.settings.arms import ARMS
from flawforge.core.settings.trials import FEWEST_REPEATS
from flawforge.metrics.inference.power import Design
from flawforge.runs.trials import Comparison, Estimate
from flawforge.studies.trial.analysis import sentences
from flawforge.studies.trial.analysis.comparison import CLASS_GROUPS, Gains, estimate, without_generating
from flawforge.studies.trial.analysis.evidence import Evidence, Setting

REPEATS_ADVISED = 100  # at most
SHOWN = 4  # comparisons that decide nothing, in the outcome


def outcome(evidence: Evidence, comparisons: list[Comparison]) -> list[str]:
    """Return the outcome for a reader who knows no statistics, a sentence for each comparison that counts."""
    if not comparisons:
        return [sentences.too_early(FEWEST_REPEATS)]
    order = ("helps", "hurts", "no evidence")
    primary = sorted((c for c in comparisons if c.primary), key=lambda c: order.index(c.word))
    if not primary:
        fixed = not set(evidence.settings()) & set(evidence.chosen)
        shown = sentences.if_used(
            [(c.arm, sentences.at(c.shots, c.model), _possible(evidence, c)) for c in comparisons[:SHOWN]],
            "For comparison only" if fixed else "If used anyway",
        )
        return [f"{sentences.NONE_COUNTS if fixed else sentences.not_favoured()} {shown}"]
    lines = []
    for comparison in primary:
        where, room = sentences.at(comparison.shots, comparison.model), _room(evidence, comparison)
        line = sentences.trial_verdict(comparison.word, where, evidence.metric, _possible(evidence, comparison))
        if comparison.word == "no evidence":
            if (comparison.gain.low or 0) > 0:
                line = f"{line} This is {comparison.why}."
            line = f"{line} {sentences.power(comparison.detectable, room, comparison.control)}"
        lines.append(line)
    settings = {(c.shots, c.model): c.chosen for c in comparisons}
    lines += [sentences.not_favoured(sentences.at(*setting)) for setting in settings if settings[setting] is None]
    lacking = [setting for setting in evidence.settings() if setting not in settings]
    return [*lines, *(sentences.too_early(FEWEST_REPEATS, sentences.at(*setting)) for setting in lacking)]


def advice(
    evidence: Evidence, measured: Mapping[tuple[Setting, str], Gains], comparisons: list[Comparison], error: float
) -> list[str]:
    """Return what to do next, a sentence each, the most urgent first; `error` is one-sided, of one comparison."""
    out = []
    levels = {(c.shots, c.model): c.gain.level for c in comparisons}
    for setting in evidence.settings():
        for arm, over in without_generating(evidence, setting).items():
            found = estimate(over, levels.get(setting, 0.95))
            if (found.low or 0) > 0:
                out.append(sentences.needs_no_generator(arm, found, sentences.at(*setting)))
    primary = [comparison for comparison in comparisons if comparison.primary]
    for comparison in primary:
        where = sentences.at(comparison.shots, comparison.model)
        if comparison.word == "hurts":
            out.append(sentences.use_none(where))
        else:
            worse = [part.label for part in comparison.classes if part.word == "hurts"]
            out += [sentences.lowers_class(label, where, evidence.task) for label in worse]
    for comparison in primary:
        if comparison.word == "no evidence":
            gains = measured[(comparison.shots, comparison.model), comparison.arm]
            out += _without_evidence(evidence, comparison, gains, error)
    short = sorted({part.label for comparison in comparisons for part in comparison.classes if part.why})
    if short:
        out.append(sentences.photograph(short, CLASS_GROUPS))
    for c in comparisons:
        if not c.primary and c.arm != "only-generated" and (c.gain.low or 0) > 0:
            out.append(sentences.hint(c.arm, c.control, c.gain, sentences.at(c.shots, c.model)))
    if not out and any(comparison.word == "helps" for comparison in primary):
        out.append(sentences.USE_THEM)
    return list(dict.fromkeys(out))


def _without_evidence(evidence: Evidence, comparison: Comparison, gains: Gains, error: float) -> list[str]:
    """Return what to do where nothing is clear: take what needs no generator, or how many repeats would tell."""
    where, over = sentences.at(comparison.shots, comparison.model), gains[comparison.control]
    if comparison.gain.high is not None and comparison.gain.high < evidence.wanted:
        return [sentences.too_small(where, evidence.wanted)]
    out = [sentences.loss_so_far(where)] if over.value < 0 else []
    rivals = [arm for arm in gains if ARMS[arm].alternative and arm != comparison.control]
    unbeaten = min(rivals, key=lambda arm: gains[arm].value, default=comparison.control)
    if gains[unbeaten].value < min(over.value, evidence.wanted):  # more repeats would not help
        return [*out, sentences.no_better_than(unbeaten, estimate(gains[unbeaten], comparison.gain.level), where)]
    design, repeats = Design.of(over, error, len(gains)), len(comparison.seeds)
    aim = max(evidence.wanted, over.value)  # of a loss nobody hopes for the size
    wanted = design.repeats_wanted(aim, REPEATS_ADVISED)
    if wanted is None:
        return [*out, sentences.more_specimens(REPEATS_ADVISED, design.detectable(REPEATS_ADVISED), where)]
    return [*out, sentences.more_repeats(max(wanted, repeats + 1), aim, where, evidence.ended)]


def _possible(evidence: Evidence, comparison: Comparison) -> Estimate:
    """Return the gain with its interval cut to what the control leaves."""
    room = _room(evidence, comparison)
    return comparison.gain.within(room - 1, room)


def _room(evidence: Evidence, comparison: Comparison) -> float:
    """Return what the control leaves to gain, a share."""
    return 1 - evidence.mean((comparison.shots, comparison.model), comparison.control, comparison.seeds)
