"""The search for copies on the page: aligned pairs, scores beside those of real images, and the tests of the set."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from flawforge.reports.charts.curves import Chart, histogram
from flawforge.reports.pictures import Picture, embed_files
from flawforge.reports.words import NOT_MEASURED, count, number, percent, plural, share
from flawforge.runs.copying import Alignment, Copying
from flawforge.runs.folder import Run
from flawforge.runs.records import AuditRecord, Pair

ALIGNED_PAIRS = 8
LONGEST = 192  # pixels of a picture's longest side that the page keeps
SYMMETRIES = {
    "flip-horizontal": "mirrored left-right",
    "flip-vertical": "mirrored top-bottom",
    "turn-180": "rotated by 180°",
    "transpose": "mirrored along the diagonal",
    "transverse": "mirrored along the other diagonal",
    "turn-90": "rotated by 90° to the left",
    "turn-270": "rotated by 90° to the right",
}


@dataclass(frozen=True)
class CopiesSection:
    """The part of the audit's section about altered copies.

    Attributes:
        chart: the scores, generated and real; None without reference scores.
        facts: (what, value in words).
        pairs: the likeliest copies, the highest score first: (pair, alignment, how it lies and its p-value in words).
        pictures: of the pairs, by their path in the record.
        tests: (what, value, p-value, the same corrected for all tests, meaning) of the set as a whole.
        line: the score from which an image is flagged though it is the only one; or empty.
    """

    chart: Chart | None
    facts: tuple[tuple[str, str], ...]
    pairs: tuple[tuple[Pair, Alignment, str, str], ...]
    pictures: dict[str | None, Picture]
    tests: tuple[tuple[str, str, str, str, str], ...]
    line: str


def copies_section(run: Run, audit: AuditRecord, white: int) -> CopiesSection | None:
    """Make the part, or return None for a record of an older version, which holds no such search."""
    found = audit.copying
    if found is None:
        return None
    pairs = likeliest_pairs(audit)
    wanted = [(pair.picture, f"Generated image {pair.file}") for pair, _, _, _ in pairs]
    wanted += [(fit.picture, f"Training image {fit.file}, {how}") for _, fit, how, _ in pairs]
    return CopiesSection(
        chart=_copy_score_chart(found),
        facts=_copy_facts(found),
        pairs=pairs,
        pictures=embed_files(run.path, wanted, LONGEST, white),
        tests=tuple(
            (
                test.name,
                number(test.effect) + (f" (without copying: {number(test.expected)})" if test.expected else ""),
                chance(test.p),
                chance(test.adjusted),
                test.note,
            )
            for test in audit.tests
        ),
        line="" if found.threshold is None else number(found.threshold),
    )


def likeliest_pairs(audit: AuditRecord) -> tuple[tuple[Pair, Alignment, str, str], ...]:
    """Return the flagged pairs, or where there are none those with pictures, the highest score first."""
    known = [(pair, pair.likeness) for pair in audit.pairs if pair.likeness is not None]
    flagged = [(pair, fit) for pair, fit in known if fit.copied]
    shown = flagged or [(pair, fit) for pair, fit in known if fit.picture is not None]
    ranked = sorted(shown, key=lambda both: -both[1].score)[:ALIGNED_PAIRS]
    return tuple((pair, fit, how_it_lies(fit), chance(fit.p)) for pair, fit in ranked)


def chance(p: float | None) -> str:
    """Return a p-value in words."""
    if p is None:
        return NOT_MEASURED
    return "below 1 in 1,000,000" if p < 1e-6 else f"1 in {count(int(1 / p))}" if p < 0.01 else number(p)


def how_it_lies(fit: Alignment) -> str:
    """Return in words what was done to the training image so that it lies on the generated one."""
    parts = [SYMMETRIES[fit.symmetry]] if fit.symmetry in SYMMETRIES else []
    if fit.tilt >= 2:
        parts.append(f"tilted by {fit.tilt:.0f}°")
    if fit.negative:
        parts.append("as a negative")
    if abs(fit.scale - 1) >= 0.02:
        parts.append(("enlarged" if fit.scale > 1 else "reduced") + f" to {100 * fit.scale:.0f}%")
    for value, ahead, back in zip(fit.shift, ("right", "down"), ("left", "up"), strict=True):
        if abs(value) >= 1:
            parts.append(f"shifted {abs(value):.0f}% {ahead if value > 0 else back}")
    return ", ".join(parts) or "unchanged"


def _copy_facts(found: Copying) -> tuple[tuple[str, str], ...]:
    detectable = found.detectable
    aside = f"; {found.set_aside} left out that repeat another specimen" if found.set_aside else ""
    return (
        ("Flagged as copies", share(found.called)),
        ("Above the score that 1% of images without copying exceed", share(found.above)),
        ("Planted copies that the self-test found", f"{found.recovered} of {found.planted}"),
        (
            "Share of copies that would have been detected",
            NOT_MEASURED if detectable is None else f"{percent(math.ceil(detectable * 1000) / 1000)} or more",
        ),
        ("Real images for reference", f"{count(len(found.real))} of {plural(found.groups, 'specimen')}{aside}"),
    )


def _copy_score_chart(found: Copying) -> Chart | None:
    if not found.real or not found.generated:
        return None
    both = np.concatenate([found.real, found.generated])
    start, end = min(0.0, float(both.min())), max(float(both.max()), found.threshold or 0) * 1.05 + 0.01
    edges = np.linspace(start, end, 49)
    real = f"real, other specimens (n = {count(len(found.real))})"
    generated = f"generated (n = {count(len(found.generated))})"
    return Chart(
        "copy-scores",
        f"Histogram of copy scores. Median of generated images {number(float(np.median(found.generated)))}, of real "
        f"ones {number(float(np.median(found.real)))}.",
        "copy score of the best alignment",
        "images, %",
        (histogram(real, "real", found.real, edges), histogram(generated, "generated", found.generated, edges)),
        marks=((found.threshold, "flagged as a copy"),) if found.threshold is not None else (),
        x_range=(start, end),
    )
