"""Charts of the score: mean power spectra and gray levels."""

from __future__ import annotations

from flawforge.reports.charts.curves import Chart, Curve
from flawforge.reports.words import number
from flawforge.runs.judged.scores import Levels, MeanSpectra, ScoreRecord

MARGIN = 3  # dB above and below the lines of the spectra


def score_charts(record: ScoreRecord) -> list[Chart]:
    """Return the charts of what the record holds."""
    spectra = [] if record.spectra is None else [_spectrum_chart(record.spectra)]
    return spectra if record.levels is None else [*spectra, _level_chart(record.levels)]


def _spectrum_chart(found: MeanSpectra) -> Chart:
    x = tuple(found.frequencies)
    lines = (found.real, found.generated, found.classical, found.low, found.high)
    low, high = min(map(min, lines)) - MARGIN, max(map(max, lines)) + MARGIN
    curves = (
        Curve("real", "real", x, tuple(found.real), raw=(x, tuple(found.low), tuple(found.high))),
        Curve("generated", "generated", x, tuple(found.generated)),
        Curve("classical", "quiet", x, tuple(found.classical), dashed=True),
    )
    structure = f"{number(abs(found.fine))} dB {'more' if found.fine > 0 else 'less'} fine structure"
    alt = f"Mean power spectra; generated images have {structure} than real ones."
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
