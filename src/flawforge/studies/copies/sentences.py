"""What an audit says in plain words, and no more than it has measured: each sentence is a function of numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from flawforge.core.plural import plural
from flawforge.metrics.copying.calibration import LEAST_GROUPS
from flawforge.runs.judged.audits import CopiedDefect, Copying, Pair

COLLAPSED = 0.5  # share of near-duplicates from which a set is said to have collapsed
NAMED = 5  # copies that are named in words, at most
TOO_SMALL = (
    "Copied patches were not looked for: that needs images of 96 pixels on each side, of two specimens at least."
)
LARGEST_SHARE = 0.34  # a detectable share above says too little: "too few images to tell"


def audit_verdict(n: int, found: int, groups: int, share: float | None, recall: float) -> str:
    """Return the verdict in a few words.

    "Inconclusive" is said where there are images enough, but the audit misses most of the copies that it plants among
    them: they are small, or nearly all alike, such as solar cells at 64 pixels.

    Args:
        n: generated images.
        found: of them, flagged as copies.
        groups: groups of real images that the reference scores rest on.
        share: of copies that would have been detected; None when none would.
        recall: share of the planted copies that the audit found.
    """
    if found:
        return f"copies found ({found} of {n})"
    if groups >= LEAST_GROUPS and share is None and recall < 0.5:
        return "inconclusive"
    if groups < LEAST_GROUPS or share is None or share > LARGEST_SHARE:
        return "too few images to tell"
    return "no copying detected"


def audit_sentence(
    n: int, found: int, exact: int, groups: int, share: float | None, recall: float, known: bool = True
) -> str:
    """Return the outcome of an audit for a reader who knows no statistics.

    Args:
        n: generated images.
        found: of them, flagged as copies, the exact ones among them.
        exact: of them, equal to a training image in every compared pixel.
        groups: as of `verdict`, and so are `share` and `recall`.
        share: of copies that would have been detected; None when none would.
        recall: share of the planted copies that the audit found.
        known: whether it is known that training saw the images that are compared with.
    """
    source = "training" if known else "real"
    if found:
        are = f"is a copy of a {source} image" if found == 1 else f"are copies of {source} images"
        return (
            f"Copies found: {found} of {n} generated images {are} ({exact} exact, {found - exact} altered: mirrored, "
            f"shifted, cropped, brightened or noisy). Compare the pairs by eye."
        )
    outcome = audit_verdict(n, found, groups, share, recall)
    none = f"0 of {n} images were flagged"
    if outcome == "no copying detected" and share is not None:
        return (
            f"No copying detected (it would have been detected if {percent_rounded_up(share)} or more of the images "
            f"were copies). {none}; false-alarm rate: at most 1 audit in 100."
        )
    if outcome == "inconclusive":
        why = "on this material the audit missed most of the copies it planted to test itself"
        return f"Inconclusive: {none}, but {why}. Compare the nearest pairs by eye."
    if groups < LEAST_GROUPS:
        why = (
            f"the {source} images show {plural(groups, 'specimen')} ({LEAST_GROUPS} are needed to know how "
            f"alike images of different specimens are). Compare"
        )
    elif share is None:
        why = "even if all of them were copies, that could have gone undetected. Generate more images, and compare"
    else:
        why = (
            f"copying would have gone undetected if fewer than {percent_rounded_up(share)} of them were copies. "
            f"Generate more images, and compare"
        )
    return f"Too few images to tell: {none}, but {why} the nearest pairs by eye."


def patch_sentence(
    n: int, of: int, found: int, groups: int, share: float | None, recall: float, known: bool = True
) -> str:
    """Return the outcome of the search for copied patches.

    Args:
        n: generated images that were searched.
        of: generated images in all.
        found: of them, flagged as holding a patch of a training image, without those that are copies as a whole.
        groups: as of `audit_verdict`, and so are `share` and `recall`.
        share: of images with a copied patch that would have been detected; None when none would.
        recall: share of the planted patches that the audit found.
        known: as of `audit_sentence`.
    """
    source = "training" if known else "real"
    outcome = audit_verdict(n, found, groups, share, recall)
    searched = f"{n:,} images" if n == of else f"{n:,} images drawn from {of:,}"
    if found:
        holds = "image repeats a part" if found == 1 else "images repeat parts"
        generated = f"{n} generated {holds}" if n == of else f"{searched} repeat parts"
        return (
            f"Copied patches found: {found} of {generated} of {source} images in another place, without "
            f"being copies as a whole. Compare the outlined parts by eye."
        )
    if outcome == "no copying detected" and share is not None:
        return (
            f"No copied patches detected: 0 of {searched} were flagged (they would have been if "
            f"{percent_rounded_up(share)} or more held a patch of a {source} image, a quarter of their area)."
        )
    why = "the audit missed most of the patches it planted to test itself"
    if outcome != "inconclusive":
        why = "there are too few images to tell"
    return f"Copied patches: 0 of {searched} were flagged, but {why}."


def defect_sentence(defects: Copying | None, found: Sequence[CopiedDefect]) -> str:
    """Return the outcome of the search for copied defects; empty where none was made."""
    if defects is None:
        return ""
    n = len(defects.generated)
    if found:
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        return (
            f"Copied defects found: in {len(found)} of {n} images the defect is one of a training image, on another "
            f"ground, and not declared ({found[0].file} shows that of {found[0].source}{more})."
        )
    share = defects.detectable
    if defects.verdict == "no copying detected" and share is not None:
        return (
            f"No copied defects detected: the defect of 0 of {n} images was flagged as an undeclared one of a training "
            f"image (they would have been if {percent_rounded_up(share)} or more were, at its own size)."
        )
    why = "there are too few images to tell"
    if defects.groups < LEAST_GROUPS:
        why = "too few defects are known to tell"
    elif defects.verdict == "inconclusive":
        why = "the audit missed most of the defects it moved to test itself"
    return f"Copied defects: 0 of {n} images were flagged, but {why}."


def not_looked_at(copying: Copying, patches: Copying | None, n: int) -> list[str]:
    """Return what the audit of `n` generated images did not look at, a sentence each."""
    notes = []
    looked = len(copying.generated)
    if looked < n:
        notes.append(
            f"Of {n:,} generated images the {looked:,} that are likest one training image were aligned with them; the "
            f"copies that the audit planted to test itself passed the same choice. --thorough aligns all."
        )
    if patches is None:
        notes.append(TOO_SMALL)
    elif len(patches.generated) < n:
        notes.append(f"Copied patches were looked for in a random {len(patches.generated):,}. --thorough searches all.")
    return notes


def copies_sentence(pairs: Sequence[Pair], defects: Sequence[CopiedDefect] = ()) -> str:
    """Return which generated images are called copies, of which image, the clearest first, and likewise which hold
    copied defects, on a line of its own; empty where none is.
    """
    likest = [(pair.file, pair.likeness) for pair in pairs if pair.likeness is not None]
    whole = [f"{file} of {fit.file}" for file, fit in likest if fit.copied]
    moved = [f"{one.file} of {one.source}" for one in defects]
    lines = []
    for what, found in (("copies", whole), ("copied defects", moved)):
        more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
        lines += [f"{what}: {', '.join(found[:NAMED])}{more}"] if found else []
    return "\n".join(lines)


def composed_sentence(composed: int, n: int) -> str:
    """Return that images were composed of training images by design, which is no copying; empty where none was.

    Args:
        composed: images whose sources the manifest declares.
        n: generated images.
    """
    if not composed:
        return ""
    which = "The images are" if composed == n else f"{composed} of {n} images are"
    return (
        f"{which} composed of your images by design; manifest.jsonl names the sources of each. Compared with all other "
        f"images: "
    )


def collapse_sentence(n: int, repeats: int, clusters: int) -> str:
    """Return that most of `n` generated images repeat each other, which comes before all else; empty where they differ.

    Args:
        n: generated images that were compared with each other.
        repeats: of them, near-duplicates of another one.
        clusters: groups that these make; an image alone is one.
    """
    if repeats < COLLAPSED * n:
        return ""
    left = plural(clusters, "different image")
    return f"The set has collapsed: {repeats} of {n} generated images repeat another one, which leaves {left}. "


def set_sentence(adjusted: Mapping[str, float], rate: float) -> str:
    """Return what the tests of the whole set say together; empty where none rejects.

    Args:
        adjusted: name of a test to its p-value, corrected for the number of tests.
        rate: p-value from which down a test rejects.
    """
    rejecting = {name: p for name, p in adjusted.items() if p <= rate}
    if not rejecting:
        return ""
    names = ", ".join(f"{name} p = {p:.2g}" for name, p in rejecting.items())
    return (
        f" As a whole, the generated images lie closer to the training images than held-out real images do "
        f"({len(rejecting)} of {len(adjusted)} tests: {names}; corrected for {len(adjusted)} tests)."
    )


def diversity_sentence(
    n: int, duplicates: int, clusters: int, largest: int, size: int, vendi: float, vendi_real: float
) -> str:
    """Return how much the generated images differ among themselves.

    Args:
        n: generated images.
        duplicates: of them, nearer to another one than real images of different groups are.
        clusters: groups that such nearness chains together.
        largest: images in the largest of these.
        size: images that each of the two Vendi scores rests on.
        vendi: effective number of different images among `size` generated ones.
        vendi_real: the same of training images.
    """
    groups = plural(clusters, "cluster")
    return (
        f"{duplicates} of {n} generated images are near-duplicates of another one ({groups}, the largest of "
        f"{largest}). Effective number of different images (Vendi score) among {size}: {vendi:.1f} generated, "
        f"{vendi_real:.1f} real."
    )


def percent_rounded_up(share: float) -> str:
    """Return a share in percent, rounded up to two digits: 0.0123 is 1.3%."""
    value = 100 * share
    digits = max(0, 1 - math.floor(math.log10(value))) if value > 0 else 0
    return f"{math.ceil(value * 10**digits - 1e-9) / 10**digits:g}%"
