"""The page of a search: which settings were tried, what each is worth, and whether the winner is better."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from flawforge.core.files import write_text
from flawforge.reports.charts.curves import Chart, Curve
from flawforge.reports.markup import fill
from flawforge.reports.words import count, duration, length, number, percent, plural
from flawforge.runs.searches import RECIPE_FILE, SearchRecord, SettingsTried, load_search

PAGE = "search.html"
WORDS = {"whole": "trained to the end", "pruned": "given up early", "diverged": "diverged", "broken off": "broken off"}


@dataclass(frozen=True)
class Setting:
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
    """All that the template gets: words, numbers and charts, no HTML."""

    title: str
    sentence: str
    facts: tuple[tuple[str, str], ...]
    progress: Chart | None
    settings: tuple[Setting, ...]
    confirmations: tuple[tuple[str, str, str], ...]
    fields: tuple[str, ...]
    trials: tuple[tuple[str, ...], ...]
    recipe: tuple[tuple[str, str], ...]
    train: str
    command: str
    made: str
    version: str


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
    seen = [trial for trial in record.trials if trial.kids]
    fields = tuple(one.field for one in record.sensitivity)
    return SearchPage(
        title=f"Settings of {record.start['name']}",
        sentence=record.sentence,
        facts=_facts(record),
        progress=_progress(seen),
        settings=_settings(record, seen),
        confirmations=_confirmations(record),
        fields=tuple(name.replace("_", " ") for name in fields),
        trials=tuple(_row(trial, fields, len(record.rungs)) for trial in record.trials),
        recipe=tuple((name, _value(value)) for name, value in record.recipe.items() if value is not None),
        train=f"flawforge train DATA --recipe {shlex.quote(str(folder / RECIPE_FILE))} --out runs/tuned",
        command=record.command,
        made=record.made,
        version=record.versions.get("flawforge", "of unrecorded version"),
    )


def _facts(record: SearchRecord) -> tuple[tuple[str, str], ...]:
    train, choose, confirm = record.pieces
    spent = sum(trial.seconds for trial in record.trials)
    pieces = f"{plural(choose, 'piece')} of material"
    return (
        ("Trained on", f"{plural(record.n_training, 'image')} of {plural(train, 'piece')} of material"),
        ("Ranked by", f"{plural(record.n_choose, 'held-out image')} of {pieces}"),
        ("Confirmed by", f"{plural(record.n_confirm, 'other image')} of {plural(confirm, 'piece')}"),
        ("Measured as", f"kernel distance, {record.extractor}{', class by class' if record.by_class else ''}"),
        ("Compared after", ", ".join(length(rung) for rung in record.rungs)),
        ("Time in trials", duration(spent)),
    )


def _progress(seen: list[SettingsTried]) -> Chart | None:
    whole = [trial for trial in seen if trial.outcome == "whole"]
    if not whole:
        return None
    best: list[float] = []
    for trial in whole:
        best.append(min(trial.kids[-1], best[-1]) if best else trial.kids[-1])
    curves = (
        Curve("trained to the end", "generated", _numbers(whole), tuple(one.kids[-1] for one in whole), dots=True),
        Curve("best so far", "ink", _numbers(whole), tuple(best), stepped=True),
    )
    alt = f"Kernel distance by trial; the best is {number(best[-1])}, the first whole trial has {number(best[0])}."
    y_range = _room([one.kids[-1] for one in whole])
    return Chart("trials", alt, "trial", "kernel distance (lower is better)", curves, y_range=y_range)


def _room(values: list[float]) -> tuple[float, float]:
    """Return an axis that holds the values, with room: differences are what is looked at, not the distance to 0."""
    low, high = min(values), max(values)
    margin = 0.15 * (high - low) or 0.1 * abs(high) or 1.0
    return low - margin, high + margin


def _numbers(trials: list[SettingsTried]) -> tuple[float, ...]:
    return tuple(float(trial.number) for trial in trials)


def _settings(record: SearchRecord, seen: list[SettingsTried]) -> tuple[Setting, ...]:
    best = next((trial for trial in record.trials if trial.number == record.best), None)
    found = []
    for one in record.sensitivity:
        relation = ""
        if one.correlation is not None and one.p_value is not None:
            side = "smaller" if one.correlation > 0 else "larger"
            relation = f"{side} was better: rank correlation {one.correlation:+.2f}, p = {number(one.p_value, 2)}"
        elif one.p_value is not None:
            relation = f"difference between the words: p = {number(one.p_value, 2)}"
        found.append(
            Setting(
                name=one.field.replace("_", " "),
                start=_value(record.start[one.field]),
                best="" if best is None else _value(best.settings[one.field]),
                tried=one.tried.partition("=")[2].replace("..", " to ").replace(",", ", "),
                importance="not measured" if one.importance is None else percent(one.importance),
                relation=relation,
                chart=_scatter(one.field, one.by_ratio, seen, record),
            )
        )
    return tuple(found)


def _scatter(field: str, by_ratio: bool, seen: list[SettingsTried], record: SearchRecord) -> Chart | None:
    """Return the first rung's distance over one setting: every trial reached it, so none is left out (but for a recipe
    that has 0 where ratios are drawn).
    """
    seen = [trial for trial in seen if not by_ratio or trial.settings[field] > 0]
    if len(seen) < 2:
        return None
    values = [trial.settings[field] for trial in seen]
    ticks: tuple[tuple[float, str], ...] = ()
    if isinstance(values[0], str):
        words = sorted(set(values))
        ticks = tuple((float(place), word) for place, word in enumerate(words))
        values = [words.index(value) for value in values]
    ys = tuple(trial.kids[0] for trial in seen)
    curve = Curve("", "generated", tuple(float(value) for value in values), ys, dots=True)
    name = field.replace("_", " ")
    alt = f"Kernel distance after {length(record.rungs[0])} over {name}, {plural(len(seen), 'trial')}."
    x_range = (-0.5, len(ticks) - 0.5) if ticks else None
    return Chart(
        f"setting-{field.replace('_', '-')}", alt, name, f"KID after {length(record.rungs[0])}", (curve,),
        x_range=x_range, y_range=_room(list(ys)), x_log=by_ratio, x_ticks=ticks,
    )  # fmt: skip


def _confirmations(record: SearchRecord) -> tuple[tuple[str, str, str], ...]:
    seeds = sorted({one.seed for one in record.confirmations})
    kids = {(one.seed, one.settings): one.kid for one in record.confirmations}
    return tuple((count(seed), number(kids[seed, "start"]), number(kids[seed, "best"])) for seed in seeds)


def _row(trial: SettingsTried, fields: tuple[str, ...], rungs: int) -> tuple[str, ...]:
    kids = [number(kid) for kid in trial.kids] + [""] * (rungs - len(trial.kids))
    values = [_value(trial.settings.get(field, "")) for field in fields]
    return (count(trial.number), *values, *kids, duration(trial.seconds), WORDS[trial.outcome])


def _value(value: object) -> str:
    return number(value) if isinstance(value, float) else str(value)
