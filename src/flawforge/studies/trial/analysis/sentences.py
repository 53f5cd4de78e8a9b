"""What a trial says in plain words, and no more than it has measured."""

from __future__ import annotations

from flawforge.core.settings.arms import ARMS
from flawforge.core.settings.trials import FEWEST_REPEATS
from flawforge.metrics.inference.equivalent_images import Worth as Found
from flawforge.runs.gains import Comparison, Word, Worth
from flawforge.studies.trial.analysis.comparison import FEWEST_GROUPS, Measured, without_generating
from flawforge.studies.trial.analysis.evidence import Evidence, Place

MOST = 100  # seeds that are worth advising


def points(share: float | None, *, sign: bool = False) -> str:
    """Return a share in points to one decimal: ``3.1``, with `sign` ``+3.1``; a true change is never written 0.0."""
    if share is None:
        return "not measured"
    value = 100 * share
    places = 1 if value == 0 or abs(value) >= 0.05 else 2
    return f"{value:+.{places}f}" if sign else f"{value:.{places}f}"


def trial_word(comparisons: list[Comparison]) -> Word:
    """Return the word of the whole: a loss anywhere outweighs a gain elsewhere, for a promise never to be worse."""
    words = {one.word for one in comparisons if one.primary}
    return "hurts" if "hurts" in words else "helps" if "helps" in words else "no evidence"


def trial_sentence(evidence: Evidence, comparisons: list[Comparison], lacking: list[Place]) -> str:
    """Return the outcome for a reader who knows no statistics."""
    primary = [one for one in comparisons if one.primary]
    if not comparisons:
        return f"Too early to tell: no arm with generated images has {FEWEST_REPEATS} seeds yet."
    if not primary and not set(evidence.places()) & set(evidence.chosen):
        return f"None of the arms that were run counts for the verdict; shown for comparison: {_changes(comparisons)}."
    if not primary:
        where = "here" if len(comparisons) == 1 else "at any number of images"
        return (
            f"Nothing in the evidence inside the training images says to use generated images {where}. "
            f"Had they been used all the same: {_changes(comparisons)}."
        )
    parts = [_said(evidence, one) for one in primary] if len(primary) == 1 else _summed(evidence, primary)
    none = {(one.shots, one.model) for one in comparisons if one.chosen is None}
    if none:
        parts.append(f"Not to be used, by the evidence inside the training images: {_where(sorted(none))}.")
    if lacking:
        parts.append(f"Too early to tell {_where(lacking)}.")
    return " ".join(parts)


def reason(found: Measured, word: Word, primary: bool) -> str:
    """Return in half a sentence what the word rests on."""
    if not primary:
        return "shown for comparison; neither chosen inside nor fixed beforehand, so it decides nothing"
    if word == "helps":
        others = f" and over {', '.join(found.rivals)}" if found.rivals else ""
        return f"a gain over {found.control}, the best arm without generated images{others}"
    if word == "hurts":
        return f"a loss against {found.control}, the best arm without generated images"
    unbeaten = [arm for arm, one in found.rivals.items() if one.low <= 0]
    if found.gain.low > 0 and unbeaten:
        return f"a gain over {found.control}, but none that is sure over {', '.join(unbeaten)}"
    if found.gain.low > 0 or found.gain.high < 0:
        return "clear alone, but not among so many comparisons or so early a look"
    return f"the interval of the difference to {found.control} holds 0"


def worth_sentence(place: Place, arm: str, control: str, found: Found, ends: tuple[int, int]) -> str:
    """Return the worth in words."""
    start = f"With {place[0]} real images a class ({place[1]}), {arm}"
    if found.beyond == "more":
        return (f"{start} did better than {control} with {ends[1]}, the most that were tried: worth more than "
                f"{ends[1] - place[0]} images a class; how many more cannot be read off.")  # fmt: skip
    if found.beyond == "less" or found.images is None:
        return f"{start} did worse than {control} with {ends[0]}, the fewest that were tried."
    low = f"under {ends[0] - place[0]:+d}" if found.low is None else f"{found.low:+.0f}"
    high = f"over {ends[1] - place[0]:+d}" if found.high is None else f"{found.high:+.0f}"
    kind = "more" if found.images >= 0 else "fewer"
    return (f"{start} did as well as {control} would with about {abs(found.images):.0f} {kind} real images a class "
            f"(95 % interval {low} to {high}).")  # fmt: skip


def advice(
    evidence: Evidence, found: list[Measured], comparisons: list[Comparison], valued: list[Worth], error: float
) -> list[str]:
    """Return what to do next, a sentence each, the most urgent first."""
    out = []
    primary = [one for one in comparisons if one.primary]
    for place in evidence.places():
        level = next((one.gain.level for one in comparisons if (one.shots, one.model) == place), 0.95)
        for arm, gained in without_generating(evidence, place).items():
            low, high = gained.at(level)
            if low > 0:
                out.append(
                    f"First of all take what needs no generator: {arm} ({ARMS[arm].description}) did better than "
                    f"classical at {place[0]} shots with {place[1]}, by {points(gained.value)} points "
                    f"({points(low)} to {points(high)}); generated images must gain beyond that."
                )
    for one in primary:
        where = f"at {one.shots} shots with {one.model}"
        if one.word == "hurts":
            out.append(f"Do not use the generated images {where}.")
        worse = [part.label for part in one.classes if part.word == "hurts"]
        if worse and one.word != "hurts":
            out.append(f"Leave {', '.join(worse)} without generated images {where}: there they cost.")
    for one, raw in ((c, m) for c in primary for m in found if (m.place, m.arm) == ((c.shots, c.model), c.arm)):
        if one.word == "no evidence" and not (one.gain.high is not None and one.gain.high < evidence.wanted):
            if raw.gain.value < 0:
                out.append(f"Use none at {one.shots} shots with {one.model} until more is known: the difference was a "
                           f"loss.")  # fmt: skip
            unbeaten = _unbeaten(evidence, one, raw)
            out.append(unbeaten or _more_seeds(evidence, one, raw, error / max(1, len(primary))))
        elif one.word == "no evidence":
            out.append(f"Use none at {one.shots} shots with {one.model}: whatever they do there, it is less than "
                       f"{points(evidence.wanted)} points.")  # fmt: skip
    short = sorted({part.label for one in comparisons for part in one.classes if part.why})
    if short:
        out.append(f"Photograph more pieces with {', '.join(short)}: fewer than {FEWEST_GROUPS} are left to test on.")
    hints = [one for one in comparisons if not one.primary and one.arm != "only-generated"
             and one.gain.low is not None and one.gain.low > 0]  # fmt: skip
    for one in hints:
        out.append(
            f"{one.arm} did better than {one.control} on the test images at {one.shots} shots with {one.model} "
            f"({points(one.gain.value, sign=True)} points), but was not what counts here: a hint to try another share "
            f"or filter, no evidence."
        )
    if not out and any(one.word == "helps" for one in primary):
        out.append("Use them in the way that was chosen, and look at the classes below before you do.")
    return list(dict.fromkeys(out))


def _unbeaten(evidence: Evidence, one: Comparison, raw: Measured) -> str:
    """Return what is said where knowledge without a generator does nearly as well, so that seeds would not help."""
    rivals = [(arm, found) for arm, found in raw.rivals.items() if ARMS[arm].alternative]
    arm, least = min(rivals, key=lambda pair: pair[1].value, default=("", raw.gain))
    if least.value >= min(raw.gain.value, evidence.wanted):
        return ""
    low, high = least.at(one.gain.level)
    return (
        f"At {one.shots} shots with {one.model} take {arm}, which generates nothing: over it generated images change "
        f"{points(least.value, sign=True)} points ({points(low, sign=True)} to {points(high, sign=True)}), whatever "
        f"they gain over {one.control}."
    )


def _more_seeds(evidence: Evidence, one: Comparison, raw: Measured, error: float) -> str:
    design, done = raw.design(error), len(raw.seeds)
    aim = max(evidence.wanted, raw.gain.value)  # of a loss nobody hopes for the size
    wanted = design.seeds_wanted(aim, most=MOST)
    where = f"at {one.shots} shots with {one.model}"
    if wanted is not None:
        more = max(wanted, done + 1)
        said = f"More seeds {where}: about {more} would find a gain of {points(aim)} points, 9 times in 10"
        own = ", in a trial of their own (another --out and --seed): the error of this one is spent."
        return said + (own if evidence.ended else ".")
    least = design.detectable(MOST)
    none = "no gain" if least is None else f"no gain under {points(least)} points"
    return f"More test pieces {where}: on these, even {MOST} seeds would find {none} 9 times in 10."


def _said(evidence: Evidence, one: Comparison) -> str:
    where = f"at {one.shots} real images a class with {one.model}"
    rest = (f"({_interval(evidence, one)}; {len(one.seeds)} seeds, {len(evidence.labels):,} test images of "
            f"{len(set(evidence.groups.tolist())):,} pieces)")  # fmt: skip
    if one.word == "helps":
        return f"Generated images help: {where} {evidence.metric} rises by {points(one.gain.value)} points {rest}."
    if one.word == "hurts":
        return (
            f"Generated images hurt: {where} {evidence.metric} falls by {points(-(one.gain.value or 0))} points {rest}."
        )
    base = _base(evidence, one)
    least = f"A gain of {points(one.detectable)} points" if _fits(one, base) else (
        f"Not even the {points(1 - base)} points that are left above {one.control}")  # fmt: skip
    return (f"There is no evidence that generated images help: {where} {evidence.metric} changes by "
            f"{points(one.gain.value, sign=True)} points {rest}. {least} would have been found 9 times in "
            f"10.")  # fmt: skip


def _summed(evidence: Evidence, primary: list[Comparison]) -> list[str]:
    words = {word: [one for one in primary if one.word == word] for word in ("helps", "hurts", "no evidence")}
    parts = []
    for word, verb in (("helps", "help"), ("hurts", "hurt")):
        if words[word]:
            said = "; ".join(
                f"{points(one.gain.value, sign=True)} points {_at(one)} ({_interval(evidence, one)})"
                for one in words[word]
            )
            parts.append(f"Generated images {verb} {evidence.metric}: {said}.")
    if words["no evidence"]:
        seen = [one.detectable for one in words["no evidence"]
                if one.detectable is not None and _fits(one, _base(evidence, one))]  # fmt: skip
        reach = f" (could have seen {points(min(seen))} to {points(max(seen))} points)" if seen else ""
        start = "No evidence of a gain" if parts else "There is no evidence that generated images help"
        parts.append(f"{start} {_where([(one.shots, one.model) for one in words['no evidence']])}{reach}.")
    return parts


def _changes(comparisons: list[Comparison]) -> str:
    return ", ".join(f"{points(one.gain.value, sign=True)} points {_at(one)} ({one.arm})" for one in comparisons[:4])


def _interval(evidence: Evidence, one: Comparison) -> str:
    base = _base(evidence, one)
    gain = one.gain.within(-base, 1 - base)
    level = f"{100 * gain.level:.3g} %"
    return f"{level} interval {points(gain.low, sign=True)} to {points(gain.high, sign=True)}"


def _base(evidence: Evidence, one: Comparison) -> float:
    """Return what the control reached, a share: no gain goes beyond what is left above it."""
    return float(evidence.drawn((one.shots, one.model), one.control, one.seeds, evidence.metric).values.mean())


def _fits(one: Comparison, base: float) -> bool:
    """Say whether the gain that would have been found is one that there can be."""
    return one.detectable is not None and one.detectable <= 1 - base


def _at(one: Comparison) -> str:
    return f"at {one.shots} shots with {one.model}"


def _where(places: list[Place]) -> str:
    by_model: dict[str, list[int]] = {}
    for shots, model in places:
        by_model.setdefault(model, []).append(shots)
    return "; ".join(f"at {', '.join(map(str, sorted(shots)))} shots with {model}" for model, shots in by_model.items())
