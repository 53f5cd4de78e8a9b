"""The score's charts: power spectra and gray levels."""

from __future__ import annotations

from flawforge.reports.curves import Chart, Curve
from flawforge.reports.words import number
from flawforge.runs.scores import Levels, ScoreRecord, Spectra

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
