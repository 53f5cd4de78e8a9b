"""The audit on the page: nearest pairs, distances, and its numbers."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

import numpy as np
from PIL import Image

from flawforge.core.errors import RunNotFoundError
from flawforge.reports.charts.curves import Chart, cumulative, histogram
from flawforge.reports.pictures import Picture, embed, read_picture, shrink
from flawforge.reports.run.copies import CopiesSection, copies
from flawforge.reports.run.synthetic import Synthetic
from flawforge.reports.words import NOT_MEASURED, count, joined, number, plural, share
from flawforge.runs.folder import Run
from flawforge.runs.records import AuditRecord, Neighbour, Pair, load_record

PAIRS = 12
NEIGHBOURS = 5  # shown of a pair at most
LONGEST = 160  # pixels of a picture's longest side that the page keeps
TRANSFORMS = {
    "identity": "as it is",
    "flip-horizontal": "mirrored left-right",
    "flip-vertical": "mirrored top-bottom",
    "turn-180": "turned by 180°",
}
SIGNS = {"flip-horizontal": "↔\ufe0e", "flip-vertical": "↕\ufe0e", "turn-180": "↻\ufe0e"}


@dataclass(frozen=True)
class Near:
    """One picture of a pair: its file, the picture (None when none was kept), its distance and transform in words."""

    file: str
    picture: Picture | None
    distance: str = ""
    gray_levels: str = ""
    transform: str = ""
    sign: str = ""


@dataclass(frozen=True)
class ShownPair:
    """A generated image and its nearest training images, nearest first."""

    rank: int
    generated: Near
    neighbours: tuple[Near, ...]


@dataclass(frozen=True)
class Quantile:
    """One row of the distances' table, in words: Euclidean and gray levels, generated and real."""

    name: str
    generated: str
    generated_gray: str
    real: str
    real_gray: str


@dataclass(frozen=True)
class NearestSection:
    """The audit's section.

    Attributes:
        sentence: the outcome.
        compared: how images were compared, in one sentence.
        facts: (what, value in words) rows of the table of numbers.
        quantiles: rows of the table of distances.
        charts: histogram and cumulative shares.
        pairs: the nearest pairs.
        k: neighbours ranked per image.
        hidden: generated images beyond the shown pairs.
        stale: why the record may not fit the run any more, or empty.
        copies: the search for disguised copies; None in records of older versions.
        notes: which held-out images were compared with, or why there are none.
    """

    sentence: str
    compared: str
    facts: tuple[tuple[str, str], ...]
    quantiles: tuple[Quantile, ...]
    charts: tuple[Chart, ...]
    pairs: tuple[ShownPair, ...]
    k: int
    hidden: int
    stale: str
    copies: CopiesSection | None = None
    notes: tuple[str, ...] = ()


def read_audit(run: Run) -> AuditRecord | None:
    """Read the audit's record, or None when the run has none; a damaged one is an error (RunBrokenError)."""
    try:
        return load_record(run, "audit", AuditRecord)
    except RunNotFoundError:
        return None


def nearest(run: Run, audit: AuditRecord, synthetic: Synthetic | None, white: int) -> NearestSection:
    """Make the section.

    Args:
        run: the run, for the pictures.
        audit: its record.
        synthetic: the run's set as it is today: when the audit looked at another one, the section says so.
        white: the data's pixel value of white, for 16-bit pictures.
    """
    height, width = audit.resolution
    channels = "the first channel" if audit.channels == "first" else "all channels"
    done = joined([TRANSFORMS.get(name, name) for name in audit.transforms])
    return NearestSection(
        sentence=audit.sentence,
        compared=f"Images are compared pixel by pixel over {channels} at {width} × {height} pixels. Each training "
        f"image is tried {done}, and the smallest distance counts.",
        facts=_facts(audit),
        quantiles=_quantiles(audit),
        charts=_charts(audit),
        pairs=_pairs(run, audit, white),
        k=audit.k,
        hidden=max(0, len(audit.pairs) - PAIRS),
        stale=_stale(run, audit, synthetic),
        copies=copies(run, audit, white),
        notes=tuple(audit.notes),
    )


def _stale(run: Run, audit: AuditRecord, synthetic: Synthetic | None) -> str:
    if synthetic is None:
        return ""
    looked_at, now = audit.inputs.get("synthetic"), synthetic.facts.get("manifest_sha256")
    if audit.n_generated == len(synthetic.images) and (looked_at is None or now is None or looked_at == now):
        return ""
    return (
        f"The audit looked at another set of {plural(audit.n_generated, 'image')} than the "
        f"{count(len(synthetic.images))} that the run holds now. "
        f"Do it again: flawforge audit {shlex.quote(str(run.path))}"
    )


def _facts(audit: AuditRecord) -> tuple[tuple[str, str], ...]:
    nearer = share(audit.nearer_than_real, audit.n_generated)
    if audit.real_to_real is None:
        nearer = f"{NOT_MEASURED}: the training images are one group, so there are no two independent real images"
    return (
        ("Generated images", count(audit.n_generated)),
        ("Training images", f"{count(audit.n_training)} in {plural(audit.n_groups, 'group')} of overlapping pictures"),
        ("Exact copies of a training image", share(audit.exact_copies, audit.n_generated)),
        ("Nearer to a training image than any two real images of different groups are", nearer),
    )


def _quantiles(audit: AuditRecord) -> tuple[Quantile, ...]:
    factor, real = audit.root_mean_square, audit.real_to_real
    rows = []
    for name, value in audit.generated_to_real.quantiles.items():
        other = real.quantiles.get(name) if real else None
        words = {"min": "nearest", "50%": "median", "max": "farthest"}.get(name, name.replace("%", "\u00a0%"))
        grays = None if other is None else other * factor
        rows.append(Quantile(words, number(value), number(value * factor), number(other), number(grays)))
    return tuple(rows)


def _charts(audit: AuditRecord) -> tuple[Chart, ...]:
    factor = audit.root_mean_square
    made = np.asarray(audit.generated_to_real.nearest) * factor
    real = np.asarray(audit.real_to_real.nearest if audit.real_to_real else []) * factor
    both = np.concatenate([made, real])
    if not len(made) or not factor:
        return ()
    end = float(both.max()) * 1.04 or 1.0
    edges = np.linspace(0, end, 41)
    marks = ((float(real.min()), "nearest two real"),) if len(real) else ()
    names = f"generated to real (n = {count(len(made))})", f"real to real (n = {count(len(real))})"
    bars = [histogram(names[0], "generated", made.tolist(), edges)]
    sums = [cumulative(names[0], "generated", made.tolist(), end)]
    if len(real):
        bars.insert(0, histogram(names[1], "real", real.tolist(), edges))
        sums.insert(0, cumulative(names[1], "real", real.tolist(), end, dashed=True))
    x_label = "distance to the nearest, RMS gray levels of 255"
    medians = f"Median, generated to real: {number(float(np.median(made)))} gray levels"
    medians += f"; real to real: {number(float(np.median(real)))}." if len(real) else "."
    return (
        Chart(
            "distances", f"Histogram of the distances to the nearest image. {medians}", x_label, "images, %",
            tuple(bars), marks=marks, x_range=(0, end),
        ),
        Chart(
            "distances-sum", f"Cumulative shares of the same distances. {medians}", x_label, "at or below, %",
            tuple(sums), marks=marks, x_range=(0, end), y_range=(0, 108),
        ),
    )  # fmt: skip


def _pairs(run: Run, audit: AuditRecord, white: int) -> tuple[ShownPair, ...]:
    ranked = sorted((pair for pair in audit.pairs if pair.neighbours), key=lambda pair: pair.neighbours[0].distance)
    shown = ranked[:PAIRS]
    images: dict[str, tuple[Image.Image, str]] = {}
    for pair in shown:
        _collect(run, images, pair.picture, f"Generated image {pair.file}", white)
        for neighbour in pair.neighbours[:NEIGHBOURS]:
            _collect(run, images, neighbour.picture, _alt(neighbour), white)
    embedded, _ = embed(list(images.values()))
    pictures = dict(zip(images, embedded, strict=True))
    return tuple(_shown(rank, pair, pictures, audit.root_mean_square) for rank, pair in enumerate(shown, start=1))


def _alt(near: Neighbour) -> str:
    turned = "" if near.transform == "identity" else f", {TRANSFORMS.get(near.transform, near.transform)}"
    return f"Training image {near.file}{turned}"


def _shown(rank: int, pair: Pair, pictures: dict[str, Picture], factor: float) -> ShownPair:
    neighbours = tuple(
        Near(
            file=near.file,
            picture=pictures.get(near.picture or ""),
            distance=number(near.distance),
            gray_levels=number(near.distance * factor),
            transform="" if near.transform == "identity" else TRANSFORMS.get(near.transform, near.transform),
            sign=SIGNS.get(near.transform, ""),
        )
        for near in pair.neighbours[:NEIGHBOURS]
    )
    return ShownPair(rank, Near(pair.file, pictures.get(pair.picture or "")), neighbours)


def _collect(run: Run, images: dict[str, tuple[Image.Image, str]], picture: str | None, alt: str, white: int) -> None:
    image = read_picture(run.path, picture, white) if picture and picture not in images else None
    if picture and image is not None:
        images[picture] = (shrink(image, LONGEST / max(image.size)), alt)
