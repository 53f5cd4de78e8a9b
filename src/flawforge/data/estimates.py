"""What is said of masks that nobody drew: how many there are, and what they were estimated from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from flawforge.core.plural import plural
from flawforge.data.sample import Sample

SOURCES = {"box": "their boxes", "good images": "what differs from good images"}


def estimated_from(sample: Sample) -> str:
    """Return what an image's masks were estimated from, in words; empty: they were drawn, or it has none."""
    return " and ".join(sorted({mark.estimated for mark in sample.marks if mark.estimated}))


def estimated_counts(samples: Sequence[Sample]) -> dict[str, dict[str, int]]:
    """Return the images of each class whose masks are estimated, by what from; what does not occur is left out."""
    found = {source: Counter[str]() for source in SOURCES}
    for sample in samples:
        for source in {mark.estimated for mark in sample.marks if mark.estimated}:
            found[source][sample.label] += 1
    return {source: dict(sorted(labels.items())) for source, labels in found.items() if labels}


def estimated_sentences(samples: Sequence[Sample]) -> list[str]:
    """Return what a reader must know of it, a sentence each; empty where nothing was estimated."""
    told = []
    for source, labels in estimated_counts(samples).items():
        named, total = ", ".join(f"{count:,} of {label}" for label, count in labels.items()), sum(labels.values())
        told.append(f"The masks of {plural(total, 'image')} are estimated from {SOURCES[source]}, not drawn ({named}).")
    return told
