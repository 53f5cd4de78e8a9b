"""The page of a search: which settings were tried, how much each matters, and whether the winner is better."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from flawforge.core.files import write_text
from flawforge.reports.charts.curves import Chart, Curve
from flawforge.reports.markup import fill
from flawforge.reports.words import count, duration, length, number, percent, plural
from flawforge.runs.searches import RECIPE_FILE, SearchRecord, Sensitivity, SettingsTried, load_search

PAGE = "search.html"
OUTCOMES = {
    "whole": "trained to the end",
    "pruned": "stopped early",
    "diverged": "diverged",
    "broken off": "interrupted",
}
Table = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class SettingSection:
    """One setting: its numbers and the chart of its trials."""

    name: str
    start: str
    best: str
    tried: str
    importance: str
    relation: str
    chart: Chart | None


@dataclass(frozen=True)
class SearchPage:
    """All that the template gets beside the record: words, numbers and charts, no HTML."""

    record: SearchRecord
    facts: tuple[tuple[str, str], ...]
    progress: Chart | None
    settings: tuple[SettingSection, ...]
    confirmations: Table
    trials: Table
    recipe: Table
    train: str


def search_page(folder: Path, out: Path | None = None) -> Path:
    """Draw the page from a search's record and return it. Drawing it again gives the same bytes.

    Args:
        folder: the search's.
        out: the file to write; None writes ``search.html`` into the folder.

    Raises:
        RunNotFoundError: the search has no record yet. RunBrokenError: it is damaged.
        RunUnwritableError, DiskFullError: the file cannot be written.
    """
    record = load_search(folder)
    file = folder / PAGE if out is None else out
    write_text(file, fill("search.html.j2", page=read_search(folder, record)))
    return file


def read_search(folder: Path, record: SearchRecord) -> SearchPage:
    """Put the record into words."""
    measured = [trial for trial in record.trials if trial.kids]
    return SearchPage(
        record=record,
        facts=_facts(record),
        progress=_progress_chart([trial for trial in measured if trial.outcome == "whole"]),
        settings=tuple(_setting_section(sensitivity, record, measured) for sensitivity in record.sensitivity),
        confirmations=_confirmations(record),
        trials=tuple(_trial_row(trial, record) for trial in record.trials),
        recipe=tuple((name, _in_words(value)) for name, value in record.recipe.items() if value is not None),
        train=f"flawforge train DATA --recipe {shlex.quote(str(folder / RECIPE_FILE))} --out runs/tuned",
    )


def _facts(record: SearchRecord) -> tuple[tuple[str, str], ...]:
    train, choose, confirm = (plural(groups, "specimen") for groups in record.pieces)
    return (
        ("Trained on", f"{plural(record.n_training, 'image')} of {train}"),
        ("Ranked by", f"{plural(record.n_choose, 'held-out image')} of {choose}"),
        ("Confirmed by", f"{plural(record.n_confirm, 'further held-out image')} of {confirm}"),
        ("Measure", f"kernel distance, {record.extractor}{', mean over the classes' if record.by_class else ''}"),
        ("Trials compared after", ", ".join(length(rung) for rung in record.rungs)),
        ("Time in trials", duration(sum(trial.seconds for trial in record.trials))),
    )


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


def _setting_section(found: Sensitivity, record: SearchRecord, measured: list[SettingsTried]) -> SettingSection:
    best = next((trial for trial in record.trials if trial.number == record.best), None)
    relation = ""
    if found.correlation is not None and found.p_value is not None:
        side = "smaller" if found.correlation > 0 else "larger"
        relation = f"{side} was better: rank correlation {found.correlation:+.2f}, p = {number(found.p_value, 2)}"
    elif found.p_value is not None:
        relation = f"difference between the choices: p = {number(found.p_value, 2)}"
    return SettingSection(
        name=found.field.replace("_", " "),
        start=_in_words(record.start[found.field]),
        best="" if best is None else _in_words(best.settings[found.field]),
        tried=found.tried.partition("=")[2].replace("..", " to ").replace(",", ", "),
        importance="not measured" if found.importance is None else percent(found.importance),
        relation=relation,
        chart=_scatter(found, measured, length(record.rungs[0])),
    )


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


def _confirmations(record: SearchRecord) -> Table:
    kids = {(each.seed, each.settings): each.kid for each in record.confirmations}
    seeds = sorted({seed for seed, _ in kids})
    return tuple((count(seed), number(kids[seed, "start"]), number(kids[seed, "best"])) for seed in seeds)


def _trial_row(trial: SettingsTried, record: SearchRecord) -> tuple[str, ...]:
    kids = [number(kid) for kid in trial.kids] + [""] * (len(record.rungs) - len(trial.kids))
    values = [_in_words(trial.settings.get(found.field, "")) for found in record.sensitivity]
    return (count(trial.number), *values, *kids, duration(trial.seconds), OUTCOMES[trial.outcome])


def _in_words(value: object) -> str:
    return number(value) if isinstance(value, float) else str(value)
