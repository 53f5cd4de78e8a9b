"""The trial's page: the verdict first, then what it rests on. Drawn from the record alone."""

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
from flawforge.reports.trial.details import Details, details_of
from flawforge.reports.words import NOT_MEASURED, count, duration, joined, number, plural
from flawforge.runs.trials import (
    ArmResult,
    Comparison,
    Estimate,
    InterimAnalysis,
    TrialRecord,
    gain_points,
    in_percent,
    points,
    read_trial,
    trial_csv,
)

TITLES = {
    "helps": "Generated images helped",
    "hurts": "Generated images hurt",
    "no evidence": "No evidence of a benefit",
}
TOO_EARLY = "Too early for a verdict"
NOT_DRAWN = ("only-generated",)  # far below all others: it would flatten the learning curves
MARGIN = 1.0  # points above and below the learning curves


@dataclass(frozen=True)
class GainRow:
    """One comparison: the record's, with its dots and numbers in words."""

    comparison: Comparison
    setting: str
    word: str
    dots: Dots
    before: str
    after: str
    gain: str
    removed: str
    p: str


@dataclass(frozen=True)
class TrialPage:
    """All that the template gets beside the record: words, numbers and pictures, no HTML."""

    title: str
    facts: tuple[Fact, ...]
    gains: tuple[GainRow, ...]
    charts: tuple[Chart, ...]
    details: tuple[Details, ...]
    metrics: tuple[str, ...]
    tables: tuple[tuple[str, list[list[str]]], ...]
    fixed: list[tuple[str, str]]
    arms: list[tuple[str, str]]
    analyses: list[tuple[str, str]]
    csv: str
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
    directory = Path(folder)
    file = directory / "report.html" if out is None else Path(out)
    if file.is_dir():
        raise SettingError(
            f"--out {file} is a folder; the report is a file, so give for example --out {file / 'report.html'}"
        )
    record = read_trial(directory)
    text = fill("trial.html.j2", page=trial_page(directory, record), record=record)
    with explain_os_errors(file):
        file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, text)
    return file


def trial_page(folder: Path, record: TrialRecord) -> TrialPage:
    """Gather what the page shows from the record and the pictures that it names."""
    metrics = tuple(dict.fromkeys(name for result in record.results for name in result.metrics))
    return TrialPage(
        title=TITLES[record.verdict.word] if record.comparisons else TOO_EARLY,
        facts=_facts(record),
        gains=_gains(record),
        charts=learning_curves(record),
        details=details_of(folder, record),
        metrics=tuple(name.replace(" %", "%") for name in metrics),
        tables=tuple(_tables(record, metrics)),
        fixed=_fixed(record),
        arms=[(arm, description_of(arm)) for arm in record.protocol.arms],
        analyses=[(f"{look.seeds} of {look.planned} repeats", _analysis(look)) for look in record.looks],
        csv=f"data:text/csv;base64,{base64.b64encode(trial_csv(record).encode()).decode()}",
        version=record.versions.get("flawforge", "of unrecorded version"),
    )


def _facts(record: TrialRecord) -> tuple[Fact, ...]:
    protocol, primary = record.protocol, record.primary
    done = {repeat for result in record.results for repeat in result.seeds}
    best = max(primary, key=lambda comparison: comparison.gain.value or 0.0, default=None)
    gain, note = NOT_MEASURED, ""
    if best is not None and best.gain.value is not None:
        gain = f"{points(best.gain.value, sign=True)} points"
        note = f"{best.shots} images per class, {best.model}"
        note += f"; largest of {len(primary)}" if len(primary) > 1 else ""
    smallest = min((found.p_corrected for found in primary if found.p_corrected is not None), default=None)
    return (
        Fact("Gain", gain, note),
        Fact("Repeats", count(len(done)), f"of {count(len(protocol.seeds))} planned"),
        Fact("Test images", count(protocol.test_images), f"of {plural(protocol.test_groups, 'specimen')}"),
        Fact("Smallest p-value", number(smallest, 2), f"corrected for {plural(len(primary), 'comparison')}"),
        Fact("Computing time", duration(record.seconds)),
    )


def _gains(record: TrialRecord) -> tuple[GainRow, ...]:
    shown = [(comparison, possible(record, comparison)) for comparison in record.comparisons]
    values = [value for found, gain in shown for value in (*found.differences, gain.low, gain.high)]
    scale = scale_of([value for value in values if value is not None])
    shown.sort(key=lambda pair: (not pair[0].primary, pair[0].model, pair[0].shots, pair[0].arm))
    return tuple(_gain(record, comparison, gain, scale) for comparison, gain in shown)


def possible(record: TrialRecord, comparison: Comparison) -> Estimate:
    """Return the gain with its interval cut to what the control leaves: no share goes below 0 or above 1."""
    control = record.result(comparison, comparison.control)
    base = None if control is None else control.metrics[record.protocol.metric].value
    return comparison.gain.within(-1.0, 1.0) if base is None else comparison.gain.within(-base, 1.0 - base)


def _gain(record: TrialRecord, comparison: Comparison, gain: Estimate, scale: tuple[float, float]) -> GainRow:
    setting = f"{comparison.shots} images per class, {comparison.model}"
    value, low, high = (0.0 if end is None else end for end in (gain.value, gain.low, gain.high))
    each = ", ".join(points(difference, sign=True) for difference in comparison.differences)
    alt = f"{setting}: {comparison.arm} minus {comparison.control}: {gain_points(gain)}; by repeat {each}."
    levels = [record.result(comparison, arm) for arm in (comparison.control, comparison.arm)]
    before, after = (NOT_MEASURED if r is None else in_percent(r.metrics[record.protocol.metric]) for r in levels)
    ps = [f"p = {number(comparison.p, 2)}"]
    if comparison.p_corrected is not None:
        ps.append(f"corrected {number(comparison.p_corrected, 2)}")
    if comparison.p_permutation is not None:
        least = number(comparison.p_least, 2)
        ps.append(f"permutation test {number(comparison.p_permutation, 2)} (smallest possible {least})")
    if comparison.effect is not None:
        ps.append(f"effect size {comparison.effect:.2f}")
    removed = comparison.error_removed.value
    kind = "fewer" if (removed or 0) >= 0 else "more"
    return GainRow(
        comparison=comparison,
        setting=setting,
        word=comparison.word if comparison.primary else "not counted",
        dots=dots(comparison.differences, value, low, high, scale, alt),
        before=before,
        after=after,
        gain=gain_points(gain),
        removed=NOT_MEASURED if removed is None else f"{abs(100 * removed):.0f}% {kind} errors",
        p="; ".join(ps),
    )


def _tables(record: TrialRecord, metrics: tuple[str, ...]) -> list[tuple[str, list[list[str]]]]:
    """Return a table for each number of shots and model: a row for each arm, its name, its repeats and its metrics."""
    rows: dict[str, list[list[str]]] = {}
    for result in record.results:
        values = [in_percent(result.metrics[name]) if name in result.metrics else NOT_MEASURED for name in metrics]
        caption = f"{result.shots} images per class, {result.model}"
        rows.setdefault(caption, []).append([result.arm, count(len(result.seeds)), *values])
    return list(rows.items())


def _fixed(record: TrialRecord) -> list[tuple[str, str]]:
    p = record.protocol
    by_class = joined([f"{label} {count(n)}" for label, n in p.test_per_class.items()], 12)
    size = f"{p.resolution[1]} × {p.resolution[0]} pixels"
    return [
        ("Task", "classify the type of defect" if p.task == "type" else "tell defective images from good ones"),
        ("Metric", p.metric),
        ("Classes", joined(p.classes, 12)),
        ("Test set", f"{plural(p.test_images, 'image')} of {plural(p.test_groups, 'specimen')}: {by_class}"),
        ("Test set contents", f"SHA-256 {p.test_sha256}"),
        ("Training images from", f"{plural(p.pool_images, 'image')} of {plural(p.pool_groups, 'other specimen')}"),
        ("Each classifier", f"{plural(p.steps, 'step')} of {plural(p.batch, 'image')}, {size}"),
        ("Encoding", p.encoding),
    ]


def _analysis(look: InterimAnalysis) -> str:
    if look.level == 0:
        return "cannot decide anything: no part of the false-positive allowance (alpha) may be spent here"
    decided = joined(look.decided) or "nothing"
    text = f"significance level {number(look.level, 2)} (one-sided); decided: {decided}"
    return f"{text}; the trial stopped here" if look.stopped else text


def learning_curves(record: TrialRecord) -> tuple[Chart, ...]:
    """Return a chart for each model with results at two numbers of shots or more; shots on a logarithmic axis."""
    charts = []
    for index, model in enumerate(record.protocol.models):
        results = [result for result in record.results if result.model == model and result.arm not in NOT_DRAWN]
        if len({result.shots for result in results}) > 1:
            charts.append(_chart(record, model, results, f"learning-{index}"))
    return tuple(charts)


def _chart(record: TrialRecord, model: str, results: list[ArmResult], name: str) -> Chart:
    metric = record.protocol.metric
    compared = [comparison for comparison in record.comparisons if comparison.model == model]
    main = {comparison.control for comparison in compared} | {found.arm for found in compared if found.primary}
    curves, ends = [], []
    for arm in dict.fromkeys(result.arm for result in results):
        rows = []
        for result in sorted((r for r in results if r.arm == arm), key=lambda r: r.shots):
            found = result.metrics[metric].within(0.0, 1.0)
            if found.value is not None:
                low, high = (found.value if end is None else end for end in (found.low, found.high))
                rows.append((math.log2(result.shots), 100 * found.value, 100 * low, 100 * high))
        x, y, low_ends, high_ends = (tuple(column) for column in zip(*rows, strict=True))
        role: Role = "generated" if uses_generated(arm) else "real" if arm in main else "quiet"
        band = (x, low_ends, high_ends) if arm in main else None
        ends += [*y, *(low_ends + high_ends if band else ())]
        curves.append(Curve(arm, role, x, y, raw=band, dashed=arm not in main))
    ticks = tuple((math.log2(shots), str(shots)) for shots in sorted({result.shots for result in results}))
    values = "; ".join(f"{curve.label} {', '.join(f'{y:.1f}' for y in curve.y)}" for curve in curves)
    room = 0.04 * (ticks[-1][0] - ticks[0][0])
    return Chart(
        name,
        f"{metric} of {model} against real images per class: {values}.",
        "real images per class",
        f"{metric}, %",
        tuple(curves),
        x_range=(ticks[0][0] - room, ticks[-1][0] + room),
        y_range=(max(-0.5, min(ends) - MARGIN), min(100.5, max(ends) + MARGIN)),
        x_ticks=ticks,
    )
