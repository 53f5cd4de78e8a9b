"""The score on the page: a plain sentence, the numbers beside their scales, spectra, classes, best and worst images."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from PIL import Image

from flawforge.core.errors import RunNotFoundError
from flawforge.reports.charts.curves import Chart, Curve
from flawforge.reports.charts.strips import Strip, in_words, strip
from flawforge.reports.pictures import Picture, embed, read_picture, shrink
from flawforge.reports.run.synthetic import Synthetic
from flawforge.reports.words import NOT_MEASURED, count, number, plural
from flawforge.runs.folder import Run
from flawforge.runs.records import load_record
from flawforge.runs.scores import Infinite, Levels, Quantity, Realism, ScoreRecord, Spectra

LONGEST = 160  # pixels of a picture's longest side that the page keeps
MEANINGS = {
    "kid": ("Kernel distance (KID)", "how far apart the two sets are; 0 is no difference, at any number of images"),
    "fid": ("Fréchet distance (FID)", "the same question; above 0 for few images even without a difference"),
    "precision": ("Precision", "share of generated images that lie among real ones"),
    "recall": ("Recall", "share of real images that lie among generated ones"),
    "density": ("Density", "how crowded with real images the places of generated ones are; real images: about 1"),
    "coverage": ("Coverage", "share of real images that have a generated one near"),
    "spectrum": ("Power spectrum", "coarse and fine structure, in dB"),
    "histogram": ("Gray levels", "dark and bright, in gray levels of 255"),
}


@dataclass(frozen=True)
class Row:
    """One quantity in words, with its strip; `beyond`: generated images are worse than nearly all real ones."""

    name: str
    meaning: str
    better: str
    strip: Strip
    generated: str
    real: str
    classical: str
    n: str
    beyond: bool


@dataclass(frozen=True)
class ClassRow:
    """One class in words."""

    label: str
    n: str
    kid: str
    kid_real: str
    coverage: str
    coverage_real: str
    beyond: bool


@dataclass(frozen=True)
class ConfusionRow:
    """Counts over the real classes, each with its share of the row for the tint."""

    label: str
    cells: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Shown:
    """One image by realism."""

    picture: Picture | None
    file: str
    score: str


@dataclass(frozen=True)
class Score:
    """The score's section; lists are empty where nothing was measured.

    Attributes:
        sentence: the outcome.
        notes: what a reader must know, a sentence each.
        compared: how images were compared.
        rows: the quantities.
        facts: (what, value) rows about the Fréchet distance without its bias.
        charts: spectra and gray levels.
        classes: per class.
        columns: real classes of the confusion.
        confusion: generated classes; `confusion_real` the real ones, as scale.
        best, worst: images by realism.
        stale: why the record may not fit the run any more, or empty.
    """

    sentence: str
    notes: tuple[str, ...]
    compared: str
    rows: tuple[Row, ...]
    facts: tuple[tuple[str, str], ...]
    charts: tuple[Chart, ...]
    classes: tuple[ClassRow, ...]
    columns: tuple[str, ...]
    confusion: tuple[ConfusionRow, ...]
    confusion_real: tuple[ConfusionRow, ...]
    best: tuple[Shown, ...]
    worst: tuple[Shown, ...]
    stale: str


def read_score(run: Run) -> ScoreRecord | None:
    """Read the score's record, or None when the run has none; a damaged one is an error (RunBrokenError)."""
    try:
        return load_record(run, "score", ScoreRecord)
    except RunNotFoundError:
        return None


def score_section(run: Run, record: ScoreRecord, synthetic: Synthetic | None) -> Score:
    """Make the section from the record and the pictures that it names."""
    height, width = record.resolution
    best, worst = _pictures(run, record)
    table = record.confusion
    return Score(
        sentence=record.sentence,
        notes=tuple(record.notes),
        compared=f"Compared by {record.extractor} ({plural(record.width, 'number')} an image) at {width} × {height} "
        f"pixels: {plural(record.n_used, 'generated image')} and {plural(record.n_reference, 'real image')} of "
        f"{plural(record.groups, 'piece')} of material. These numbers compare with others of the same extractor and "
        f"the same data only; they are no Inception scores.",
        rows=tuple(_row(quantity) for quantity in record.quantities),
        facts=_infinite(record),
        charts=score_charts(record),
        classes=_classes(record),
        columns=tuple(table.columns) if table else (),
        confusion=_confusion(table.rows) if table else (),
        confusion_real=_confusion(table.real_rows) if table else (),
        best=best,
        worst=worst,
        stale=_stale(run, record, synthetic),
    )


def _row(quantity: Quantity) -> Row:
    name, meaning = MEANINGS.get(quantity.name, (quantity.name, ""))
    return Row(
        name=name,
        meaning=meaning,
        better=f"{quantity.better} is better",
        strip=strip(quantity, name),
        generated=in_words(quantity.generated),
        real=in_words(quantity.real),
        classical=in_words(quantity.classical),
        n=count(quantity.generated.n),
        beyond=bool(quantity.outside),
    )


def _infinite(record: ScoreRecord) -> tuple[tuple[str, str], ...]:
    if not record.quantities:
        return ()
    pairs = (("Generated", record.infinite), ("Real, one half against the other", record.infinite_real))
    return tuple((what, _extrapolated(found)) for what, found in pairs)


def _extrapolated(found: Infinite | None) -> str:
    if found is None:
        return f"{NOT_MEASURED}: fewer than 10 pieces of material in a set"
    text = (
        f"{number(found.value)} ± {number(found.error, 2)}; at {count(found.n_reference)} and {count(found.n)} images "
    )
    text += f"{number(found.at_full)}, of which {number(found.bias)} come from the small number of images"
    return text if found.trusted else f"{text}. Too few images for a straight line: a rough value"


def _classes(record: ScoreRecord) -> tuple[ClassRow, ...]:
    rows = []
    for one in record.classes:
        n = f"{count(one.n_generated)} / {count(one.n_reference)}"
        if one.why:
            why = f"{NOT_MEASURED}: {one.why}"
            rows.append(ClassRow(one.label, n, why, "", "", "", False))
            continue
        kid, coverage = one.kid, one.coverage
        beyond = bool(kid.outside) or bool(coverage.outside)
        sides = in_words(kid.generated), in_words(kid.real), in_words(coverage.generated), in_words(coverage.real)
        rows.append(ClassRow(one.label, n, *sides, beyond))
    return tuple(rows)


def _confusion(rows: dict[str, list[int]]) -> tuple[ConfusionRow, ...]:
    return tuple(
        ConfusionRow(label, tuple((count(cell), round(cell / max(1, sum(cells)), 3)) for cell in cells))
        for label, cells in rows.items()
    )


def _pictures(run: Run, record: ScoreRecord) -> tuple[tuple[Shown, ...], tuple[Shown, ...]]:
    images: dict[str, tuple[Image.Image, str]] = {}
    for one in (*record.best, *record.worst):
        image = read_picture(run.path, one.picture) if one.picture else None
        if one.picture and image is not None:
            images[one.picture] = (shrink(image, LONGEST / max(image.size)), f"Generated image {one.file}")
    embedded, _ = embed(list(images.values()))
    pictures = dict(zip(images, embedded, strict=True))

    def shown(one: Realism) -> Shown:
        text = "a real image" if one.score is None else number(one.score)
        return Shown(pictures.get(one.picture or ""), one.file, text)

    return tuple(map(shown, record.best)), tuple(map(shown, record.worst))


def _stale(run: Run, record: ScoreRecord, synthetic: Synthetic | None) -> str:
    now = None if synthetic is None else synthetic.facts.get("manifest_sha256")
    if now is None or record.inputs.get("synthetic") == now:
        return ""
    return (
        f"The score looked at another set of {plural(record.n_generated, 'image')} than the one that the run holds "
        f"now. Do it again: flawforge score {shlex.quote(str(run.path))}"
    )


MARGIN = 3  # dB above and below the lines


def score_charts(record: ScoreRecord) -> tuple[Chart, ...]:
    """Return the charts of what the record holds."""
    charts = []
    if record.spectra is not None:
        charts.append(_spectra(record.spectra))
    if record.levels is not None:
        charts.append(_levels(record.levels))
    return tuple(charts)


def _spectra(found: Spectra) -> Chart:
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


def _levels(found: Levels) -> Chart:
    step = 256 / len(found.real)
    edges = tuple(step * place for place in range(len(found.real) + 1))
    curves = (
        Curve("real", "real", edges, _percent(found.real), stepped=True, filled=True),
        Curve("generated", "generated", edges, _percent(found.generated), stepped=True, filled=True),
    )
    word = "brighter" if found.brighter > 0 else "darker"
    alt = f"Gray levels; generated images are {number(abs(found.brighter))} levels {word} on average."
    return Chart("levels", alt, "gray level of 255", "pixels, %", curves, x_range=(0, 255))


def _percent(shares: list[float]) -> tuple[float, ...]:
    return (*(100 * share for share in shares), 0.0)
