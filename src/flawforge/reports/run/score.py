"""The score on the page: its sentence, findings and numbers beside their scales, charts, most and least realistic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flawforge.reports.charts.curves import Chart, Curve
from flawforge.reports.charts.strips import Strip, strip
from flawforge.reports.pictures import Picture, embed_files
from flawforge.reports.run.synthetic import Synthetic, outdated
from flawforge.reports.words import NOT_MEASURED, count, number, plural
from flawforge.runs.folder import Run
from flawforge.runs.scores import Infinite, Levels, MeanSpectra, MeasuredQuantity, RatedImage, ScoreRecord

PICTURE_SIDE = 160  # pixels of a picture's longest side that the page keeps
MARGIN = 3  # dB above and below the lines of the spectra


@dataclass(frozen=True)
class ScoreSection:
    """The score's section.

    Attributes:
        record: what the template takes sentence, notes, findings, numbers and classes from.
        compared: how images were compared.
        rows: the quantities, each with its strip.
        facts: (what, value) rows about the Fréchet distance without its bias.
        charts: spectra and gray levels.
        confusion: tables of the nearest class, generated and real: (title, colour, rows of (class, (count, share)...)).
        sheets: the most and the least realistic images: (title, (picture or None, realism)...).
        stale: why the record may not fit the run any more, or empty.
    """

    record: ScoreRecord
    compared: str
    rows: tuple[tuple[MeasuredQuantity, Strip], ...]
    facts: tuple[tuple[str, str], ...]
    charts: tuple[Chart, ...]
    confusion: tuple[tuple[str, str, list[tuple[str, list[tuple[str, float]]]]], ...]
    sheets: tuple[tuple[str, list[tuple[Picture | None, str]]], ...]
    stale: str


def score_section(run: Run, record: ScoreRecord, synthetic: Synthetic | None) -> ScoreSection:
    """Prepare the section."""
    height, width = record.resolution
    table = record.confusion
    extrapolated = (("Generated", record.infinite), ("Real, one half against the other", record.infinite_real))
    return ScoreSection(
        record=record,
        compared=f"Compared by {record.extractor} ({record.width} numbers per image) at {width} x {height} pixels: "
        f"{plural(record.n_used, 'generated image')} with {plural(record.n_reference, 'real image')} of "
        f"{plural(record.groups, 'specimen')}. Compare these numbers only with others of the same feature extractor "
        f"and the same data; they are not Inception scores.",
        rows=tuple((quantity, strip(quantity, quantity.title)) for quantity in record.quantities),
        facts=tuple((what, _extrapolated(found)) for what, found in extrapolated) if record.quantities else (),
        charts=score_charts(record),
        confusion=()
        if table is None
        else (
            ("Generated: class of the nearest real image", "generated", _shares(table.rows)),
            ("For scale, real: class of the nearest real image of another specimen", "real", _shares(table.real_rows)),
        ),
        sheets=_sheets(run, record),
        stale=outdated(run, "score", record, synthetic),
    )


def _extrapolated(found: Infinite | None) -> str:
    if found is None:
        return f"{NOT_MEASURED}: fewer than 10 specimens in a set"
    text = (
        f"{number(found.value)} ± {number(found.error, 2)}; at {count(found.n_reference)} and {count(found.n)} images "
        f"{number(found.at_full)}, of which {number(found.bias)} is due to the small number of images"
    )
    return text if found.trusted else f"{text}. A rough value: too few images for a straight line"


def _shares(rows: dict[str, list[int]]) -> list[tuple[str, list[tuple[str, float]]]]:
    """Return each row's counts with their shares of it, for the tint."""
    return [
        (label, [(count(cell), round(cell / max(1, sum(cells)), 3)) for cell in cells]) for label, cells in rows.items()
    ]


def _sheets(run: Run, record: ScoreRecord) -> tuple[tuple[str, list[tuple[Picture | None, str]]], ...]:
    rated_images = (*record.best, *record.worst)
    wanted = ((rated.picture, f"Generated image {rated.file}") for rated in rated_images)
    pictures = embed_files(run.path, wanted, PICTURE_SIDE)

    def cells(side: Sequence[RatedImage]) -> list[tuple[Picture | None, str]]:
        return [
            (pictures.get(rated.picture), "a real image" if rated.score is None else number(rated.score))
            for rated in side
        ]

    return (("Most realistic", cells(record.best)), ("Least realistic", cells(record.worst))) if record.best else ()


def score_charts(record: ScoreRecord) -> tuple[Chart, ...]:
    """Return the charts of what the record holds."""
    charts = []
    if record.spectra is not None:
        charts.append(_spectrum_chart(record.spectra))
    if record.levels is not None:
        charts.append(_level_chart(record.levels))
    return tuple(charts)


def _spectrum_chart(found: MeanSpectra) -> Chart:
    x = tuple(found.frequencies)
    lines = (found.real, found.generated, found.classical, found.low, found.high)
    low, high = min(map(min, lines)) - MARGIN, max(map(max, lines)) + MARGIN
    curves = (
        Curve("real", "real", x, tuple(found.real), raw=(x, tuple(found.low), tuple(found.high))),
        Curve("generated", "generated", x, tuple(found.generated)),
        Curve("classical", "quiet", x, tuple(found.classical), dashed=True),
    )
    more = "more" if found.fine > 0 else "less"
    alt = (
        f"Mean power spectra; generated images have {number(abs(found.fine))} dB {more} fine structure than real ones."
    )
    return Chart("spectrum", alt, "cycles per pixel", "power, dB", curves, x_range=(0, 0.5), y_range=(low, high))


def _level_chart(found: Levels) -> Chart:
    step = 256 / len(found.real)
    edges = tuple(step * edge for edge in range(len(found.real) + 1))
    real, generated = ((*(100 * share for share in shares), 0.0) for shares in (found.real, found.generated))
    curves = (
        Curve("real", "real", edges, real, stepped=True, filled=True),
        Curve("generated", "generated", edges, generated, stepped=True, filled=True),
    )
    word = "brighter" if found.brighter > 0 else "darker"
    alt = f"Gray levels; generated images are {number(abs(found.brighter))} levels {word} on average."
    return Chart("levels", alt, "gray level of 255", "pixels, %", curves, x_range=(0, 255))
