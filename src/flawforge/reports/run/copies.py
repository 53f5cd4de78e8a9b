"""The audit on the page: which pairs are shown, what was done to a training image in words, and charts."""

from __future__ import annotations

import numpy as np

from flawforge.reports.charts.curves import Chart, cumulative, histogram
from flawforge.reports.words import count, number
from flawforge.runs.judged.audits import Alignment, AuditRecord, CopiedPatch, Copying, Pair

ALIGNED_PAIRS = 8
PATCH_PAIRS = 4
NEAREST_PAIRS = 12
NEIGHBOURS = 5  # shown of a pair at most
SYMMETRIES = {
    "flip-horizontal": "mirrored left-right",
    "flip-vertical": "mirrored top-bottom",
    "turn-180": "rotated by 180°",
    "transpose": "mirrored along the diagonal",
    "transverse": "mirrored along the other diagonal",
    "turn-90": "rotated by 90° to the left",
    "turn-270": "rotated by 90° to the right",
}


def symmetry(name: str) -> str:
    """Return what was done to a training image in words."""
    return SYMMETRIES.get(name, "unchanged")


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


def likeliest_pairs(audit: AuditRecord) -> list[tuple[Pair, Alignment]]:
    """Return the flagged pairs, or where there are none those with pictures, the highest copy score first."""
    known = [(pair, pair.likeness) for pair in audit.pairs if pair.likeness is not None]
    flagged = [(pair, fit) for pair, fit in known if fit.copied]
    shown = flagged or [(pair, fit) for pair, fit in known if fit.picture is not None]
    return sorted(shown, key=lambda both: -both[1].score)[:ALIGNED_PAIRS]


def patch_pairs(audit: AuditRecord) -> list[tuple[Pair, CopiedPatch]]:
    """Return the pairs with pictures whose parts agree best: the flagged ones, or where there are none the others."""
    known = [(pair, pair.patch) for pair in audit.pairs if pair.patch is not None and pair.patch.picture is not None]
    flagged = [(pair, part) for pair, part in known if part.copied]
    return sorted(flagged or known, key=lambda both: -both[1].score)[: PATCH_PAIRS if flagged else PATCH_PAIRS // 2]


def nearest_pairs(audit: AuditRecord) -> list[Pair]:
    """Return the pairs that are nearest pixel by pixel, the nearest first, each with its nearest training images."""
    ranked = sorted((pair for pair in audit.pairs if pair.neighbours), key=lambda pair: pair.neighbours[0].distance)
    return [pair.model_copy(update={"neighbours": pair.neighbours[:NEIGHBOURS]}) for pair in ranked[:NEAREST_PAIRS]]


def copy_score_chart(found: Copying) -> Chart | None:
    """Return the copy scores beside those of real images; None where either is missing."""
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


def distance_charts(audit: AuditRecord) -> tuple[Chart, ...]:
    """Return the distances to the nearest image as a histogram and as cumulative shares."""
    factor = audit.root_mean_square
    generated = np.asarray(audit.generated_to_real.nearest) * factor
    real = np.asarray(audit.real_to_real.nearest if audit.real_to_real else []) * factor
    if not len(generated) or not factor:
        return ()
    end = float(np.concatenate([generated, real]).max()) * 1.04 or 1.0
    edges = np.linspace(0, end, 41)
    marks = ((float(real.min()), "nearest two real"),) if len(real) else ()
    name, x_label = (
        f"generated to real (n = {count(len(generated))})",
        "distance to the nearest, RMS gray levels of 255",
    )
    bars = [histogram(name, "generated", generated.tolist(), edges)]
    sums = [cumulative(name, "generated", generated.tolist(), end)]
    medians = f"Median, generated to real: {number(float(np.median(generated)))} gray levels"
    if len(real):
        name = f"real to real (n = {count(len(real))})"
        bars.insert(0, histogram(name, "real", real.tolist(), edges))
        sums.insert(0, cumulative(name, "real", real.tolist(), end, dashed=True))
        medians += f"; real to real: {number(float(np.median(real)))}"
    first, second = f"Distances to the nearest image. {medians}.", f"Cumulative shares of the distances. {medians}."
    x_label, x_range, y_range = "distance to the nearest, RMS gray levels of 255", (0, end), (0, 108)
    return (
        Chart("distances", first, x_label, "images, %", tuple(bars), marks, x_range=x_range),
        Chart("distances-sum", second, x_label, "at or below, %", tuple(sums), marks, x_range=x_range, y_range=y_range),
    )
