"""What a study of detection says, in plain words."""

from __future__ import annotations

import math

from scipy.stats import fisher_exact

from flawforge.core.plural import plural
from flawforge.metrics.detection.hit_miss import HitMissCurve
from flawforge.runs.detection.record import FAR, DetectionCurve, RealCheck, SharedRate, size_in_words

MANY_CALLS = 0.05  # false calls of which it is said that they count among the hits
CHANCE = 0.05  # that so many hits are false calls, above which no size is stated


def detection_sentence(
    label: str,
    curve: HitMissCurve,
    fitted: DetectionCurve | None,
    shown: float | None,
    found: int,
    placed: tuple[int, float, float],
    reference: float,
) -> str:
    """Return the outcome of a class; `placed` are the number of placements, the smallest and the largest size."""
    count, smallest, largest = placed
    sizes = f"{size_in_words(smallest)} to {size_in_words(largest)} pixels"
    if fitted is not None:
        return _curve_sentence(label, fitted, smallest, largest, reference)
    if curve.outcome == "all hits":
        counted = (
            f"By counting, 9 of 10 are found from {size_in_words(shown)} pixels on (95% confidence)."
            if shown is not None
            else "To show that 9 of 10 are found takes 29 hits without a miss."
        )
        return (
            f"This inspection finds all {count} placed defects of {label}, of {sizes}: where it fails is not seen. "
            f"{counted}"
        )
    if curve.outcome == "no hits":
        return f"This inspection finds none of {count} placed defects of {label}, of {sizes}."
    if curve.outcome == "one size":
        end = "which shows 9 of 10 with 95% confidence" if shown is not None else "which does not show 9 of 10"
        return (
            f"This inspection finds {found} of {count} placed defects of {label}, all of {size_in_words(largest)} "
            f"pixels, {end}. Of one size no curve can be stated."
        )
    if curve.outcome == "separated" and curve.jump is not None:
        missed, seen = map(size_in_words, curve.jump)
        parted = (
            f"up to {missed} pixels and finds every one from {seen} on"
            if missed != seen
            else f"below about {seen} pixels and finds every one above"
        )
        return (
            f"This inspection misses every placed defect of {label} {parted}. So sharp a step has no curve and no a90; "
            "place more with -n."
        )
    return (
        f"This inspection does not find larger defects of {label} more often than smaller ones ({found} of {count} "
        f"found, of {sizes}): no size can be stated."
    )


def _curve_sentence(label: str, fitted: DetectionCurve, smallest: float, largest: float, reference: float) -> str:
    def begun(size: float) -> str:
        return size_in_words(size) if size >= smallest / FAR else f"under {size_in_words(smallest)}"

    if fitted.a90 is None:
        return (
            f"This inspection does not find 9 of 10 defects of {label} at any size: of the largest it finds about "
            f"{100 * fitted.asymptote:.0f} of 100."
        )
    if fitted.a90 > FAR * largest:
        return (
            f"This inspection does not find 9 of 10 defects of {label} at any size that was placed, up to "
            f"{size_in_words(largest)} pixels."
        )
    bound = (
        f"with 95% confidence from {begun(fitted.a90_95)}"
        if fitted.a90_95 is not None and fitted.a90_95 <= FAR * largest
        else f"no size up to {size_in_words(largest)} is certain with 95% confidence"
    )
    contrast = (
        "" if fitted.contrast_slope is None else f", at the contrast of your real ones ({reference:.0f} gray levels)"
    )
    return f"This inspection finds 9 of 10 defects of {label} from {begun(fitted.a90)} pixels on ({bound}){contrast}."


def class_notes(
    fitted: DetectionCurve | None, smallest: float, largest: float, defects: int, real: RealCheck | None, label: str
) -> list[str]:
    """Return what a reader must know of a class, a sentence each."""
    notes = []
    if fitted is not None and fitted.asymptote < 1 and fitted.a90 is not None:
        notes.append(
            f"Some stay unseen at any size: of the largest about {100 * fitted.asymptote:.0f} of 100 are found."
        )
    stated = [] if fitted is None else [size for size in (fitted.a90, fitted.a90_95) if size is not None]
    far = [size for size in stated if largest < size <= FAR * largest]
    if far:
        notes.append(
            f"{size_in_words(max(far))} pixels are beyond the largest that was placed ({size_in_words(largest)}): "
            f"extrapolated."
        )
    if fitted is not None and fitted.a90 is not None and fitted.a90 < smallest:
        notes.append(f"9 of 10 are found below the smallest that was placed ({size_in_words(smallest)}): extrapolated.")
    if fitted is not None and fitted.contrast_p is not None:
        matter = "matters" if fitted.contrast_slope is not None else "was not seen to matter"
        notes.append(f"Contrast {matter} (p = {fitted.contrast_p:.2g}).")
    placed = plural(defects, "real defect")
    notes.append(f"Placed from {placed}: what this curve knows of shapes and textures is theirs.")
    return [*notes, _real_sentence(real, label)]


def _real_sentence(real: RealCheck | None, label: str) -> str:
    if real is None:
        return f"Not checked against real defects: no held-out real image of {label} has a mask or a box."
    found = f"it found {real.found} ({100 * real.low:.0f} to {100 * real.high:.0f}%)"
    if real.holds is None:
        return f"Of {real.images} real held-out images of {label} {found}."
    text = (
        f"Of {real.images} real held-out images of {label} the curve expects {real.expected:.1f} to be found (95% of "
        f"the time {real.least} to {real.most}); {found}."
    )
    if not real.holds:
        text += " The curve does not hold for real defects."
    if real.beyond:
        text += f" {real.beyond} of them are of sizes that were not placed."
    return text


def lost_in_false_calls(calls: SharedRate | None, found: int, count: int) -> bool:
    """Whether hits, `found` of `count`, are not shown to be more frequent than false calls that are many (Fisher's
    exact test, specimens against placements): then they say nothing of a size.
    """
    if calls is None or calls.share <= MANY_CALLS:
        return False
    called = math.ceil(calls.share * calls.groups - 1e-9)
    table = [[found, count - found], [called, calls.groups - called]]
    return float(fisher_exact(table, "greater").pvalue) > CHANCE


def with_false_calls(sentence: str, calls: SharedRate | None, label: str, found: int, count: int) -> str:
    """Return the outcome of a class, and how many good images are called as well where these are many: in its place
    where the hits are lost in them.
    """
    if calls is None or calls.share <= MANY_CALLS:
        return sentence
    called = f"{calls.count:,} of {calls.total:,} good images"
    if lost_in_false_calls(calls, found, count):
        return (
            f"This inspection calls {called} defective, and {found} of {count} with a placed defect of {label}: it was "
            f"not shown to tell one from the other, so no size is stated."
        )
    return f"{sentence} It also calls {called} defective: hits are partly luck."


def calls_note(calls: SharedRate | None) -> str:
    """Return what the false-call rate is, and what it means for the hits."""
    if calls is None:
        return "False calls are not measured: the inspector knows no class of good images. A hit is the right class."
    text = (
        f"Of {calls.total:,} held-out good images ({calls.groups:,} specimens) it calls {calls.count:,} defective "
        f"({100 * calls.share:.1f}%, 95% CI {100 * calls.low:.1f} to {100 * calls.high:.1f})."
    )
    if calls.share > MANY_CALLS:
        text += " Hits include such false calls: small defects are found less often than the hits say."
    return text
