"""What an audit says in plain words, and no more than it has measured."""

from __future__ import annotations

import math

from flawforge.metrics.copying.calibration import LEAST_GROUPS

COARSEST = 0.34  # a detectable share above says too little: "too few images to tell"


def verdict(n: int, found: int, groups: int, share: float | None) -> str:
    """Return the verdict: copies found, none found with the share that would have been, or why it cannot be told.

    "Cannot tell" is said where there are images enough, but the audit does not find the copies that it plants among
    them: they are small, or nearly all alike, such as solar cells at 64 pixels.

    Args:
        n: generated images.
        found: of them, called copies.
        groups: groups of real material that the scale rests on.
        share: of copies that would have been noticed; None when none would.
    """
    if found:
        return f"copies found ({found} of {n})"
    if groups >= LEAST_GROUPS and share is None:
        return "cannot tell on images like these"
    if groups < LEAST_GROUPS or share is None or share > COARSEST:
        return "too few images to tell"
    return f"no evidence of copying (could have found {percent(share)} % or more)"


def audit_sentence(n: int, found: int, exact: int, groups: int, share: float | None, told: str) -> str:
    """Return the outcome of an audit for a reader who knows no statistics.

    Args:
        n: generated images.
        found: of them, called copies, the exact ones among them.
        exact: of them, copies of a training image in every compared pixel.
        groups: groups of real material.
        share: of copies that would have been noticed; None when none would.
        told: the verdict.
    """
    head = told[0].upper() + told[1:] + ". "
    if found:
        rest = (
            f"{found} of {n} generated images {_are(found)} a training image again, as it was or disguised (mirrored, "
            f"shifted, cropped, brighter, noisy): look at the pairs."
        )
        return head + rest + (f" {exact} of them {_are(exact)} an exact copy." if exact else "")
    none = f"0 of {n} generated images are called copies"
    if told.startswith("no evidence"):
        return f"{head}{none}; even honest images could be called so in at most 1 of 100 such audits."
    if groups < LEAST_GROUPS:
        return (
            f"{head}{none}, but the training images show only {groups} different {_pieces(groups)} of material, so "
            f"there is no scale for how alike honest images may be. Judge the nearest pairs by eye."
        )
    why = "the audit missed too many of the copies that it planted to test itself"
    if share is not None:
        why = f"copies of fewer than {percent(share)} % would have gone unnoticed. Generate more images"
    return f"{head}{none}, but {why}. Judge the nearest pairs by eye."


def percent(share: float) -> str:
    """Return a share in percent, rounded up to two digits: 0.0123 is 1.3."""
    value = 100 * share
    digits = max(0, 1 - math.floor(math.log10(value))) if value > 0 else 0
    scaled = math.ceil(value * 10**digits - 1e-9) / 10**digits
    return f"{scaled:g}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _pieces(count: int) -> str:
    return "piece" if count == 1 else "pieces"
