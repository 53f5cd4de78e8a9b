"""What a score says in plain English: functions of its numbers, which say no more than was measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from flawforge.runs.judged.scores import MeasuredQuantity

FINE = 1.0  # dB of fine structure: below, a texture is called neither smooth nor rough
BRIGHT = 2.0  # gray levels of 255, likewise


def score_sentence(
    *,
    n_generated: int,
    n_used: int,
    n_reference: int,
    exact_copies: int = 0,
    held_out_copies: int = 0,
    against: Literal["held-out", "given", "training", "unknown"] = "held-out",
    distinguishable: bool | None = None,
    main_finding: str = "",
    at_full_size: bool = False,
    defects: str = "",
    why: str = "",
    coarser: str = "",
    resolution: tuple[int, int] = (0, 0),
) -> str:
    """Return the outcome of a score for a reader who knows no statistics.

    Args:
        n_generated: images of the set.
        n_used: of them compared.
        n_reference: real images compared with.
        exact_copies: generated images that equal a training image.
        held_out_copies: generated images that equal a held-out image.
        against: held-out images, those that the user gave, the training images, or real ones of which nobody knows
            whether training saw them.
        distinguishable: whether the two sets differ as wholes.
        main_finding: the foremost difference as half a sentence, or empty.
        at_full_size: whether their patches at full size differ.
        defects: that placed defects are told from real ones, as half a sentence, or empty.
        why: why nothing was measured, or empty.
        coarser: ``real`` or ``generated``, the side of weak or no structure finer than the compared size, or empty.
        resolution: (height, width) of that size.
    """
    parts = []
    if exact_copies:
        kind = "real" if against == "unknown" else "training"
        verb = f"is identical to a {kind} image" if exact_copies == 1 else f"are identical to {kind} images"
        parts.append(
            f"{exact_copies:,} of {n_generated:,} generated images {verb}, so this score says little about what the "
            f"generator can make (see the audit)."
        )
    if held_out_copies:
        verb = "is identical to a held-out image" if held_out_copies == 1 else "are identical to held-out images"
        parts.append(
            f"{held_out_copies:,} of {n_generated:,} generated images {verb}: what made them has seen these, so such a "
            f"comparison flatters it."
        )
    if why:
        return " ".join([*parts, f"Inconclusive: {why}."])
    names = {"training": "the training images", "unknown": "the real ones"}
    real = names.get(against, "held-out real ones")
    if coarser:
        side = "their" if coarser == "generated" else "the real ones'"
        parts.append(
            f"At a larger size than {resolution[1]}x{resolution[0]} pixels the generated images are distinguishable "
            f"from {real} by that alone: {side} finer structure is weak or missing (enlarged, or smoothed). At that "
            f"size:"
        )
    found = [main_finding, "at full size they are" * at_full_size, defects]
    if distinguishable:
        cause = f": {main_finding}" if main_finding else ", but no single cause was found"
        parts.append(
            f"The generated images are distinguishable from {real}{cause}." + f" And {defects}." * bool(defects)
        )
    elif any(found):
        but = ", and ".join(filter(None, found))
        parts.append(f"As a whole, the generated images were not distinguishable from {real}, but {but}.")
    else:
        parts.append(f"The generated images were not distinguishable from {real} by any measure.")
    of_all = "" if n_used == n_generated else f" of {n_generated:,}"
    parts.append(f"Compared: {n_used:,}{of_all} generated and {n_reference:,} real images.")
    if against == "training" and not exact_copies:
        parts.append("Copies of training images would look good in this comparison.")
    if against == "unknown" and not exact_copies:
        parts.append("Copies of them would look good in this comparison (see the audit).")
    return " ".join(parts)


def beyond_sentence(new: float, again: float, above: bool, kid_ratio: float | None) -> str:
    """Return what generated images bring beyond changed copies of the training images.

    Args:
        new: share of the held-out images that they reach and changed copies do not, 0 to 1.
        again: the same of a second set of copies.
        above: whether `new` is above `again` beyond chance.
        kid_ratio: kernel distance to the held-out images over that of the copies; None: not measured.
    """
    farther = kid_ratio is not None and kid_ratio > 1
    if above:
        text = (
            f"These reach {of_hundred(new)} of 100 unseen images that changed copies of yours do not; a second set of "
            f"copies reaches {of_hundred(again)}."
        )
        return f"{text} As a whole, the copies are closer to unseen images." if farther else text
    if farther:
        return "Changed copies of your images are closer to unseen ones than these, and reach as many of them."
    return "These reach no more unseen images than changed copies of yours do."


def full_size_sentence(
    side: int, distance: MeasuredQuantity, faults: Sequence[str], n: int, repeating: int, seam: str
) -> str:
    """Return what a comparison at full size says.

    Args:
        side: pixels of a patch.
        distance: kernel distance of patches.
        faults: what is wrong with the generated images there, each as half a sentence.
        n: generated images that were looked at.
        repeating: of them, images that repeat a part of themselves, where these are too many to be chance; else 0.
        seam: where a seam runs, in words; empty: none was found.
    """
    told = "are distinguishable" if distance.outside else "were not distinguishable"
    but = ": " if distance.outside else " by the distance of their patches, but "
    words = but + ", and ".join(faults) if faults else ""
    parts = [f"At full size, in patches of {side}x{side} pixels, the generated images {told} from real ones{words}."]
    if repeating:
        parts.append(
            f"Repeated parts: {repeating} of {n} generated images repeat a part of themselves, as at most 1 of 100 "
            f"real images would."
        )
    if seam:
        parts.append(f"A seam: generated images have a straight break {seam}, which real ones do not have.")
    if not repeating and not seam:
        parts.append("No repeated part and no seam was found (false-alarm rate: at most 1 score in 100).")
    return " ".join(parts)


def of_hundred(value: float) -> int:
    """Return how many of 100 a share is; 0 and 100 only where it is exactly that."""
    return round(100 * value) if value in (0, 1) else min(max(round(100 * value), 1), 99)


def texture_fault(fine: float) -> str:
    """Return what is wrong with textures whose fine structure differs from real ones by so many dB."""
    if abs(fine) < FINE:
        return "their texture has structures of other sizes"
    return f"their texture is too {'smooth' if fine < 0 else 'rough'}"


def brightness_fault(brighter: float) -> str:
    """Return what is wrong with images that are so many gray levels brighter than real ones on average."""
    if abs(brighter) < BRIGHT:
        return "their contrast differs"
    return f"they are too {'dark' if brighter < 0 else 'bright'}"


def in_unit(value: float, unit: str) -> str:
    """Return a number with its unit; a share in whole percent, 0% and 100% only where it is exactly that."""
    if unit != "share":
        return f"{value:.3g} {unit}".rstrip()
    return f"{of_hundred(value)}%"
