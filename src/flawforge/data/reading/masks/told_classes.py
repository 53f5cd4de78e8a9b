"""Classes that only the masks tell: where folders are parts, cameras or days, an image is good if its mask is empty."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace

from flawforge.data.reading.plan import GOOD, Plan
from flawforge.data.reading_choices import ReadingChoices
from flawforge.data.sample import Sample

DEFECT = "defect"  # the class of an image in which a mask marks something, where nothing says what
FREE = re.compile(r"(?:.*[_\- ])?free", re.IGNORECASE)  # of defects: MT_Free


def classes_by_masks(
    plan: Plan, samples: list[Sample], unreadable: Collection[str], choices: ReadingChoices
) -> list[Sample]:
    """Return the samples with the classes that their masks tell; those of labels and of class folders stay.

    Args:
        plan: what the folder was taken for; notes are added to it.
        samples: its images.
        unreadable: masks that cannot be read.
        choices: what the user decided.
    """
    masks = {entry.file: entry.mask_files for entry in plan.entries if entry.label_source == "folder"}
    count = sum(bool(masks.get(sample.file)) for sample in samples)
    marked = {sample.file for sample in samples if any(mark.regions for mark in sample.marks)}
    if len(masks) < len(plan.entries) or not samples:
        return samples
    samples = _free_is_good(plan, samples, marked)
    lost = {sample.file: found for sample in samples if (found := set(masks[sample.file]) & set(unreadable))}
    if not marked or len(marked) == len(samples) or not _are_parts(samples, marked):
        return samples
    if count < len(samples) and choices.unmarked != GOOD:
        plan.notes.append(
            f"{len(samples) - count:,} of {len(samples):,} images have no mask, and no folder says what they are. If "
            f"nothing is wrong with them, --unmarked good reads them as '{GOOD}' and the others as '{DEFECT}'."
        )
        return samples
    empty = GOOD if choices.unmarked != "unlabelled" else ""
    told = f"'{empty}'" if empty else "not labelled"
    others = len(samples) - len(marked) - len(lost.keys() - marked)
    plan.notes.append(
        f"No folder tells classes, so the masks do: '{DEFECT}' where one marks something ({len(marked):,} images), "
        f"else {told} ({others:,})."
    )
    return [_by_mask(sample, sample.file in marked, lost.get(sample.file, set()), empty) for sample in samples]


def _by_mask(sample: Sample, marked: bool, lost: set[str], empty: str) -> Sample:
    if lost and not marked:
        return replace(sample, label="", label_source=f"its mask {min(lost)} cannot be used")
    if not marked and not empty:
        return replace(sample, label="", label_source="its mask marks nothing")
    return replace(sample, label=DEFECT if marked else empty, label_source="mask")


def _are_parts(samples: list[Sample], marked: Collection[str]) -> bool:
    """Whether the folders tell no classes: there is one alone, or their names differ in numbers alone and marked
    images are among others, or in none of them most images are marked.
    """
    shares: dict[str, list[bool]] = defaultdict(list)
    for sample in samples:
        shares[sample.label].append(sample.file in marked)
    pure = all(len(set(found)) == 1 for found in shares.values())
    numbered = len({re.sub(r"\d+", "#", label) for label in shares}) == 1
    return len(shares) == 1 or (not pure and numbered) or all(sum(found) * 2 < len(found) for found in shares.values())


def _free_is_good(plan: Plan, samples: list[Sample], marked: Collection[str]) -> list[Sample]:
    """Return the samples with the class of the parts that are free of defects called good."""
    defective = {sample.label for sample in samples if sample.file in marked}
    free = {sample.label for sample in samples if FREE.fullmatch(sample.label)} - defective
    if not free or not defective:  # where no class is marked, that nothing is marked in this one says nothing
        return samples
    for label in sorted(free):
        plan.notes.append(f"The class {label!r} is read as '{GOOD}': nothing is marked in its images.")
    return [replace(sample, label=GOOD) if sample.label in free else sample for sample in samples]
