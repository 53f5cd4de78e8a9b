"""The audit on the page: nearest pairs, distances, and its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from flawforge.reports.charts.curves import Chart, cumulative, histogram
from flawforge.reports.pictures import Picture, embed_files
from flawforge.reports.run.copies import CopiesSection, copies_section
from flawforge.reports.run.synthetic import Synthetic, outdated
from flawforge.reports.words import NOT_MEASURED, count, joined, number, plural, share
from flawforge.runs.folder import Run
from flawforge.runs.records import AuditRecord, Pair

NEAREST_PAIRS = 12
NEIGHBOURS = 5  # shown of a pair at most
LONGEST = 160  # pixels of a picture's longest side that the page keeps


@dataclass(frozen=True)
class NearestSection:
    """The audit's section.

    Attributes:
        record: what the template takes sentence, notes and diversity from.
        compared: how images were compared, in one sentence.
        facts: (what, value in words) rows of the table of numbers.
        quantiles: rows of the table of distances, in words: name, generated and real in gray levels and Euclidean.
        charts: histogram and cumulative shares.
        pairs: the nearest pairs, the nearest first.
        pictures: of the pairs, by their path in the record.
        stale: why the record may not fit the run any more, or empty.
        copies: the search for altered copies; None in records of older versions.
    """

    transforms: ClassVar = {
        "identity": ("unchanged", ""),
        "flip-horizontal": ("mirrored left-right", "↔\ufe0e"),
        "flip-vertical": ("mirrored top-bottom", "↕\ufe0e"),
        "turn-180": ("rotated by 180°", "↻\ufe0e"),
    }
    record: AuditRecord
    compared: str
    facts: tuple[tuple[str, str], ...]
    quantiles: tuple[tuple[str, ...], ...]
    charts: tuple[Chart, ...]
    pairs: tuple[Pair, ...]
    pictures: dict[str | None, Picture]
    stale: str
    copies: CopiesSection | None


def nearest_section(run: Run, audit: AuditRecord, synthetic: Synthetic | None, white: int) -> NearestSection:
    """Make the section.

    Args:
        run: the run, for the pictures.
        audit: its record.
        synthetic: the run's set as it is today: when the audit is of another one, the section says so.
        white: the data's pixel value of white, for 16-bit pictures.
    """
    height, width = audit.resolution
    channels = "the first channel" if audit.channels == "first" else "all channels"
    transforms = NearestSection.transforms
    done = joined([transforms[name][0] for name in audit.transforms])
    ranked = sorted((pair for pair in audit.pairs if pair.neighbours), key=lambda pair: pair.neighbours[0].distance)
    pairs = tuple(
        pair.model_copy(update={"neighbours": pair.neighbours[:NEIGHBOURS]}) for pair in ranked[:NEAREST_PAIRS]
    )
    wanted = [(pair.picture, f"Generated image {pair.file}") for pair in pairs]
    for near in (near for pair in pairs for near in pair.neighbours):
        how = "" if near.transform == "identity" else f", {transforms[near.transform][0]}"
        wanted.append((near.picture, f"Training image {near.file}{how}"))
    return NearestSection(
        record=audit,
        compared=f"Images are compared pixel by pixel over {channels} at {width} × {height} pixels. Each training "
        f"image is tried {done}, and the smallest distance counts.",
        facts=_audit_facts(audit),
        quantiles=_quantiles(audit),
        charts=_distance_charts(audit),
        pairs=pairs,
        pictures=embed_files(run.path, wanted, LONGEST, white),
        stale=outdated(run, "audit", audit, synthetic),
        copies=copies_section(run, audit, white),
    )


def _audit_facts(audit: AuditRecord) -> tuple[tuple[str, str], ...]:
    nearer = share(audit.nearer)
    if audit.real_to_real is None:
        nearer = f"{NOT_MEASURED}: all training images show one specimen, so no two of them are independent"
    return (
        ("Generated images", count(audit.n_generated)),
        ("Training images", f"{count(audit.n_training)} of {plural(audit.n_groups, 'specimen')}"),
        ("Exact copies of a training image", share(audit.exact)),
        ("Closer to a training image than any two real images of different specimens are", nearer),
    )


def _quantiles(audit: AuditRecord) -> tuple[tuple[str, ...], ...]:
    factor, rows = audit.root_mean_square, []
    for name, value in audit.generated_to_real.quantiles.items():
        real = audit.real_to_real.quantiles.get(name) if audit.real_to_real else None
        values = (value * factor, value, None if real is None else real * factor, real)
        rows.append(({"min": "nearest", "50%": "median", "max": "farthest"}.get(name, name), *map(number, values)))
    return tuple(rows)


def _distance_charts(audit: AuditRecord) -> tuple[Chart, ...]:
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
    return (
        Chart("distances", first, x_label, "images, %", tuple(bars), marks, x_range=(0, end)),
        Chart(
            "distances-sum", second, x_label, "at or below, %", tuple(sums), marks, x_range=(0, end), y_range=(0, 108)
        ),
    )
