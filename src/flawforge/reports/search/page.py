"""The page of a search: which settings were tried, how much each matters, and whether the winner is better."""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path
from typing import Any

from flawforge.core.plural import plural
from flawforge.reports.charts.curves import Chart, Curve
from flawforge.reports.markup import write_page
from flawforge.reports.words import length, number
from flawforge.runs.searches import RECIPE_FILE, SearchRecord, Sensitivity, SettingsTried, load_search


def search_page(folder: Path, out: Path | None = None) -> Path:
    """Draw the page from a search's record and return it. Drawing it again gives the same bytes.

    Args:
        folder: the search's.
        out: the file to write; None writes ``search.html`` into the folder.

    Raises:
        RunNotFoundError: the search has no record yet. RunBrokenError: it is damaged.
        SettingError: `out` is a folder. RunUnwritableError, DiskFullError: the file cannot be written.
    """
    record = load_search(folder)
    values = {"record": record, "recipe_file": str(folder / RECIPE_FILE), **search_charts(record)}
    return write_page(out or folder / "search.html", "search.html.j2", **values)


def search_charts(record: SearchRecord) -> dict[str, Any]:
    """Return the course of the search, and for each setting its chart or None."""
    tried = [trial for trial in record.trials if trial.kids]
    return {
        "progress": _progress_chart([trial for trial in tried if trial.outcome == "whole"]),
        "charts": {found.field: _scatter(found, tried, length(record.rungs[0])) for found in record.sensitivity},
    }


def _progress_chart(whole: list[SettingsTried]) -> Chart | None:
    if not whole:
        return None
    numbers, kids = tuple(float(trial.number) for trial in whole), [trial.kids[-1] for trial in whole]
    best = tuple(accumulate(kids, min))
    curves = (
        Curve("trained to the end", "generated", numbers, tuple(kids), dots=True),
        Curve("best so far", "ink", numbers, best, stepped=True),
    )
    alt = f"Kernel distance by trial; the best is {number(best[-1])}, the first trial of full length {number(best[0])}."
    y_range = _padded(kids)
    return Chart("trials", alt, "trial", "kernel distance (lower is better)", curves, y_range=y_range)


def _padded(values: list[float]) -> tuple[float, float]:
    """Return an axis that holds the values, with room: differences are what is looked at, not the distance to 0."""
    low, high = min(values), max(values)
    margin = 0.15 * (high - low) or 0.1 * abs(high) or 1.0
    return low - margin, high + margin


def _scatter(found: Sensitivity, measured: list[SettingsTried], first: str) -> Chart | None:
    """Return the first rung's distance over one setting: every trial reached it, so none is left out (but for a recipe
    that has 0 where ratios are drawn).
    """
    field = found.field
    shown = [trial for trial in measured if not found.by_ratio or trial.settings[field] > 0]
    if len(shown) < 2:
        return None
    values = [trial.settings[field] for trial in shown]
    ticks: tuple[tuple[float, str], ...] = ()
    if isinstance(values[0], str):
        words = sorted(set(values))
        ticks = tuple((float(index), word) for index, word in enumerate(words))
        values = [words.index(value) for value in values]
    kids = [trial.kids[0] for trial in shown]
    name = field.replace("_", " ")
    return Chart(
        f"setting-{field.replace('_', '-')}",
        f"Kernel distance after {first} over {name}, {plural(len(shown), 'trial')}.",
        name,
        f"KID after {first}",
        (Curve("", "generated", tuple(float(value) for value in values), tuple(kids), dots=True),),
        x_range=(-0.5, len(ticks) - 0.5) if ticks else None,
        y_range=_padded(kids),
        x_log=found.by_ratio,
        x_ticks=ticks,
    )
