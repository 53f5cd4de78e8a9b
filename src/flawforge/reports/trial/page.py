"""The trial's page: one plain sentence first, then what it rests on. Drawn from the record alone."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from pathlib import Path

from flawforge.core.errors import SettingError
from flawforge.core.files import explain_os_errors, write_text
from flawforge.core.settings.arms import description_of, uses_generated
from flawforge.reports.charts.curves import Chart, Curve, Role
from flawforge.reports.charts.dots import Dots, dots, scale_of
from flawforge.reports.markup import fill
from flawforge.reports.run.headline import Fact
from flawforge.reports.trial.parts import Part, parts_of
from flawforge.reports.words import NBSP, NOT_MEASURED, count, duration, joined, number, plural
from flawforge.runs.gains import Comparison, Estimate
from flawforge.runs.trials import ArmResult, TrialRecord, read_trial, trial_csv

TITLES = {"helps": "Generated images help", "hurts": "Generated images hurt", "no evidence": "No evidence of help"}
TOO_EARLY = "Too early to tell"


@dataclass(frozen=True)
class GainRow:
    """One comparison in words, with its dots."""

    place: str
    arm: str
    control: str
    word: str
    why: str
    dots: Dots
    before: str
    after: str
    gain: str
    removed: str
    p: str
    primary: bool


@dataclass(frozen=True)
class ArmRow:
    """One arm at one number of shots."""

    arm: str
    seeds: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class TrialPage:
    """All that the template gets: words, numbers and pictures, no HTML."""

    title: str
    word: str
    sentence: str
    advice: tuple[str, ...]
    facts: tuple[Fact, ...]
    gains: tuple[GainRow, ...]
    charts: tuple[Chart, ...]
    worth: tuple[str, ...]
    parts: tuple[Part, ...]
    metrics: tuple[str, ...]
    tables: tuple[tuple[str, tuple[ArmRow, ...]], ...]
    protocol: tuple[str, ...]
    fixed: tuple[tuple[str, str], ...]
    choices: tuple[tuple[str, str], ...]
    arms: tuple[tuple[str, str], ...]
    looks: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    csv: str
    command: str
    version: str


def trial_report(folder: str | Path, *, out: Path | None = None) -> Path:
    """Draw the page of a trial: one HTML file that opens offline; drawing it again gives the same bytes.

    Args:
        folder: the trial folder, with ``records/trial.json``.
        out: the file to write; None writes ``report.html`` into the folder.

    Raises:
        RunNotFoundError: the folder has no trial record. RunBrokenError: it is damaged.
        SettingError: `out` is a folder. RunUnwritableError, DiskFullError: the file cannot be written.
    """
    place = Path(folder)
    file = place / "report.html" if out is None else Path(out)
    if file.is_dir():
        raise SettingError(
            f"--out {file} is a folder; the report is a file, so give for example --out {file / 'report.html'}"
        )
    text = fill("trial.html.j2", page=trial_page(place, read_trial(place)))
    with explain_os_errors(file):
        file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, text)
    return file


def trial_page(folder: Path, record: TrialRecord) -> TrialPage:
    """Gather what the page shows from the record and the pictures that it names."""
    metrics = tuple(dict.fromkeys(name for one in record.results for name in one.metrics))
    table = base64.b64encode(trial_csv(record).encode()).decode()
    return TrialPage(
        title=TITLES[record.verdict.word] if record.comparisons else TOO_EARLY,
        word=record.verdict.word,
        sentence=record.verdict.sentence,
        advice=tuple(record.verdict.advice),
        facts=_facts(record),
        gains=_gains(record),
        charts=learning_curves(record),
        worth=tuple(one.sentence for one in record.worth),
        parts=parts_of(folder, record),
        metrics=metrics,
        tables=_tables(record, metrics),
        protocol=tuple(record.protocol.steps_taken),
        fixed=_fixed(record),
        choices=tuple(record.choices),
        arms=tuple((arm, description_of(arm)) for arm in record.protocol.arms),
        looks=tuple((f"{look.seeds} of {look.planned} seeds", _look(look.level, look.decided, look.stopped))
                    for look in record.looks),
        notes=tuple(record.notes),
        csv=f"data:text/csv;base64,{table}",
        command=record.command,
        version=record.versions.get("flawforge", "of unrecorded version"),
    )  # fmt: skip


def in_points(found: Estimate) -> str:
    """Return ``+3.1 (95 % interval +1.4 to +4.8)``, or ``not measured``."""
    if found.value is None or found.low is None or found.high is None:
        return NOT_MEASURED
    level = f"{100 * found.level:.3g}{NBSP}%"
    return f"{100 * found.value:+z.1f} ({level} interval {100 * found.low:+z.1f} to {100 * found.high:+z.1f})"


def in_percent(found: Estimate) -> str:
    """Return ``88.2 (86.9 to 89.5)``, percent."""
    if found.value is None:
        return NOT_MEASURED
    found = found.within(0.0, 1.0)
    if found.value is None or found.low is None or found.high is None:
        return f"{100 * (found.value or 0.0):.1f}"
    return f"{100 * found.value:.1f} ({100 * found.low:.1f} to {100 * found.high:.1f})"


def _facts(record: TrialRecord) -> tuple[Fact, ...]:
    protocol, done = record.protocol, {seed for one in record.results for seed in one.seeds}
    primary = record.primary
    best = max(primary, key=lambda one: one.gain.value or 0.0, default=None)
    shown = "not measured" if best is None or best.gain.value is None else f"{100 * best.gain.value:+z.1f} points"
    note = "" if best is None else f"{best.shots} shots, {best.model}"
    if len(primary) > 1:
        note += f"; largest of {len(primary)}"
    least = min((one.p_corrected for one in primary if one.p_corrected is not None), default=None)
    return (
        Fact("Gain", shown, note),
        Fact("Seeds", count(len(done)), f"of {count(len(protocol.seeds))} planned"),
        Fact("Test images", count(protocol.test_images), f"{plural(protocol.test_groups, 'piece')} of material"),
        Fact("Smallest p", number(least, 2), f"corrected over {plural(len(primary), 'comparison')}"),
        Fact("Time", duration(record.seconds), plural(len(record.results), "arm", "arms") + " in all places"),
    )  # fmt: skip


def _gains(record: TrialRecord) -> tuple[GainRow, ...]:
    results = {(one.shots, one.model, one.arm): one for one in record.results}
    gains = [(one, possible(one, results, record.protocol.metric)) for one in record.comparisons]
    values = [value for one, gain in gains for value in (*one.differences, gain.low, gain.high)]
    scale = scale_of([value for value in values if value is not None])
    order = sorted(record.comparisons, key=lambda one: (not one.primary, one.model, one.shots, one.arm))
    return tuple(_gain(one, scale, results, record.protocol.metric) for one in order)


def possible(one: Comparison, results: dict[tuple[int, str, str], ArmResult], metric: str) -> Estimate:
    """Return the gain with its interval cut to what the control leaves: no share goes below 0 or above 1."""
    control = results.get((one.shots, one.model, one.control))
    base = None if control is None else control.metrics[metric].value
    return one.gain.within(-1.0, 1.0) if base is None else one.gain.within(-base, 1.0 - base)


def _gain(
    one: Comparison, scale: tuple[float, float], results: dict[tuple[int, str, str], ArmResult], metric: str
) -> GainRow:
    name = f"{one.shots} shots, {one.model}: {one.arm} minus {one.control}"
    found = possible(one, results, metric)
    value, low, high = (0.0 if v is None else v for v in (found.value, found.low, found.high))
    each = ", ".join(f"{100 * d:+z.1f}" for d in one.differences)
    levels = [results.get((one.shots, one.model, arm)) for arm in (one.control, one.arm)]
    before, after = (NOT_MEASURED if at is None else in_percent(at.metrics[metric]) for at in levels)
    effect = "" if one.effect is None else f"; effect size {one.effect:.2f}"
    permuted = "" if one.p_permutation is None else (
        f"; sign flips {number(one.p_permutation, 2)} (no less than {number(one.p_least, 2)} is possible)"
    )  # fmt: skip
    corrected = f"{number(one.p_corrected, 2)} corrected" if one.p_corrected is not None else "not counted"
    removed = one.error_removed.value
    return GainRow(
        place=f"{one.shots} shots, {one.model}",
        arm=one.arm,
        control=one.control,
        word=one.word if one.primary else "not counted",
        why=one.why,
        dots=dots(one.differences, value, low, high, scale, f"{name}: {in_points(found)}; by seed {each}."),
        before=before,
        after=after,
        gain=in_points(found),
        removed=NOT_MEASURED if removed is None else f"{100 * removed:.0f}{NBSP}% of the errors gone"
        if removed >= 0 else f"{-100 * removed:.0f}{NBSP}% more errors",
        p=f"p {number(one.p, 2)}, {corrected}{permuted}{effect}",
        primary=one.primary,
    )  # fmt: skip


def _tables(record: TrialRecord, metrics: tuple[str, ...]) -> tuple[tuple[str, tuple[ArmRow, ...]], ...]:
    places = dict.fromkeys((one.shots, one.model) for one in record.results)
    out = []
    for shots, model in places:
        rows = [one for one in record.results if (one.shots, one.model) == (shots, model)]
        made = tuple(
            ArmRow(one.arm, count(len(one.seeds)),
                   tuple(in_percent(one.metrics[name]) if name in one.metrics else NOT_MEASURED for name in metrics))
            for one in rows
        )  # fmt: skip
        out.append((f"{shots} real images a class, {model}", made))
    return tuple(out)


def _fixed(record: TrialRecord) -> tuple[tuple[str, str], ...]:
    p = record.protocol
    return (
        ("Question", "which defect is it" if p.task == "type" else "good or defective"),
        ("Judged by", p.metric),
        ("Classes", joined(p.classes, 12)),
        ("Test set", f"{plural(p.test_images, 'image')} of {plural(p.test_groups, 'piece')} of material; "
         + joined([f"{label} {count(n)}" for label, n in p.test_per_class.items()], 12)),
        ("Its content", f"SHA-256 {p.test_sha256}"),
        ("Shots drawn from", f"{plural(p.pool_images, 'image')} of {plural(p.pool_groups, 'other piece')}"),
        ("Each arm", f"{plural(p.steps, 'step')} of {plural(p.batch, 'image')}, {p.resolution[1]} × {p.resolution[0]}"),
        ("Encoding", p.encoding),
    )  # fmt: skip


def _look(level: float, decided: list[str], stopped: bool) -> str:
    if level == 0:
        return "nothing can be decided: no part of the error is to be spent here"
    text = f"a one-sided p of {number(level, 2)} or less decides; decided: {joined(decided) or 'nothing'}"
    return f"{text}; stopped here" if stopped else text


LEFT_OUT = ("only-generated",)  # far below all others: it would flatten them
MARGIN = 1.0  # points above and below


def learning_curves(record: TrialRecord) -> tuple[Chart, ...]:
    """Return a chart for each model with results at two numbers of shots or more; shots on a logarithmic axis."""
    charts = []
    for place, model in enumerate(record.protocol.models):
        rows = [one for one in record.results if one.model == model and one.arm not in LEFT_OUT]
        if len({one.shots for one in rows}) > 1:
            charts.append(_chart(record, model, rows, place))
    return tuple(charts)


def _chart(record: TrialRecord, model: str, rows: list[ArmResult], place: int) -> Chart:
    metric = record.protocol.metric
    main = {one.control for one in record.comparisons if one.model == model}
    main |= {one.arm for one in record.comparisons if one.model == model and one.primary}
    curves, ends = [], []
    for arm in dict.fromkeys(one.arm for one in rows):
        mine = sorted((one for one in rows if one.arm == arm), key=lambda one: one.shots)
        found = [(math.log2(one.shots), one.metrics[metric].within(0.0, 1.0)) for one in mine]
        points = [(x, 100 * e.value, 100 * _or(e.low, e.value), 100 * _or(e.high, e.value))
                  for x, e in found if e.value is not None]  # fmt: skip
        x, y, low, high = (tuple(column) for column in zip(*points, strict=True))
        role: Role = "generated" if uses_generated(arm) else "real" if arm in main else "quiet"
        band = (x, low, high) if arm in main else None
        ends += [*y, *(band[1] + band[2] if band else ())]
        curves.append(Curve(arm, role, x, y, raw=band, dashed=arm not in main))
    shots = sorted({one.shots for one in rows})
    alt = f"{metric} of {model} against real images a class: " + "; ".join(
        f"{curve.label} {', '.join(f'{y:.1f}' for y in curve.y)}" for curve in curves
    )
    ticks = tuple((math.log2(n), str(n)) for n in shots)
    room = 0.04 * (ticks[-1][0] - ticks[0][0])
    return Chart(
        f"learning-{place}", f"{alt}.", "real images a class", f"{metric}, %", tuple(curves),
        x_range=(ticks[0][0] - room, ticks[-1][0] + room),
        y_range=(max(-0.5, min(ends) - MARGIN), min(100.5, max(ends) + MARGIN)),
        x_ticks=ticks,
    )  # fmt: skip


def _or(value: float | None, other: float) -> float:
    return other if value is None else value
