"""The trial's page: the verdict first, then what it rests on. Drawn from the record alone."""

from __future__ import annotations

import base64
import math
import shlex
from pathlib import Path
from typing import Any

from flawforge.core.settings.arms import shows_new_images
from flawforge.reports.charts.curves import Chart, Curve, Role
from flawforge.reports.charts.scales import common_scale
from flawforge.reports.markup import write_page
from flawforge.reports.pictures import embed_files
from flawforge.runs.estimates import Estimate
from flawforge.runs.trial_words import kind, of_classes
from flawforge.runs.trials import ArmResult, Comparison, TrialRecord, read_trial, trial_csv

LONGEST_SIDE = 128  # pixels of a picture that the page keeps
LONGEST_SHEET = 640  # likewise, of an image beside its maps
NOT_DRAWN = ("only-generated",)  # far below all others: it would flatten the learning curves
MARGIN = 1.0  # points above and below the learning curves


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
    record = read_trial(directory)
    return write_page(out or directory / "report.html", "trial.html.j2", record=record, **_parts(directory, record))


def verdict_title(record: TrialRecord) -> str:
    """Return the title: the verdict on the images of the arms that it counts, which are composed, generated or both."""
    if not record.comparisons:
        tried = any(shows_new_images(arm) for arm in record.protocol.arms)
        return "Too early for a verdict" if tried else "Nothing was generated"
    if record.verdict.word == "no evidence":
        return "No evidence of a benefit"
    kinds = {kind(one.arm) for one in record.primary if one.word == record.verdict.word}
    images = kinds.pop().capitalize() if len(kinds) == 1 else "New"
    return f"{images} images {'helped' if record.verdict.word == 'helps' else 'hurt'}"


def _parts(folder: Path, record: TrialRecord) -> dict[str, Any]:
    """Gather what the template shows beside the record."""
    gains = [(comparison, possible(record, comparison)) for comparison in record.comparisons]
    gains.sort(key=lambda both: (not both[0].primary, both[0].model, both[0].shots, both[0].arm))
    tables: dict[tuple[int, str], list[ArmResult]] = {}
    for result in record.results:
        tables.setdefault((result.shots, result.model), []).append(result)
    detailed = record.primary or record.comparisons
    longest = LONGEST_SHEET if record.protocol.task == "locate" else LONGEST_SIDE
    return {
        "title": verdict_title(record),
        "folder": shlex.quote(str(folder)),
        "gains": gains,
        "scale": common_scale(end for one, gain in gains for end in (*one.differences, gain.low, gain.high)),
        "charts": learning_curves(record),
        "detailed": detailed,
        "generates": any(shows_new_images(arm) for arm in record.protocol.arms),
        "pictures": {
            (record.setting(one), one.arm): embed_files(folder, [flip.picture for flip in one.flips], longest)
            for one in detailed
        },
        "metrics": list(dict.fromkeys(name for result in record.results for name in result.metrics)),
        "tables": tables,
        "csv": f"data:text/csv;base64,{base64.b64encode(trial_csv(record).encode()).decode()}",
    }


def possible(record: TrialRecord, comparison: Comparison) -> Estimate:
    """Return the gain with its interval cut to what the control leaves: no share goes below 0 or above 1."""
    control = record.result(comparison, comparison.control)
    base = None if control is None else control.metrics[record.protocol.metric].value
    return comparison.gain.within(-1.0, 1.0) if base is None else comparison.gain.within(-base, 1.0 - base)


def learning_curves(record: TrialRecord) -> list[Chart]:
    """Return a chart for each model with results at two numbers of shots or more; shots on a logarithmic axis."""
    charts = []
    for index, model in enumerate(record.protocol.models):
        results = [result for result in record.results if result.model == model and result.arm not in NOT_DRAWN]
        if len({result.shots for result in results}) > 1:
            charts.append(_chart(record, model, results, f"learning-{index}"))
    return charts


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
        role: Role = "generated" if shows_new_images(arm) else "real" if arm in main else "quiet"
        band = (x, low_ends, high_ends) if arm in main else None
        ends += [*y, *(low_ends + high_ends if band else ())]
        curves.append(Curve(arm, role, x, y, raw=band, dashed=arm not in main))
    ticks = tuple((math.log2(shots), str(shots)) for shots in sorted({result.shots for result in results}))
    values = "; ".join(f"{curve.label} {', '.join(f'{y:.1f}' for y in curve.y)}" for curve in curves)
    axis = f"real images {of_classes(record.protocol.rare)}"
    room = 0.04 * (ticks[-1][0] - ticks[0][0])
    return Chart(
        name,
        f"{metric} of {model} against {axis}: {values}.",
        axis,
        f"{metric}, %",
        tuple(curves),
        x_range=(ticks[0][0] - room, ticks[-1][0] + room),
        y_range=(max(-0.5, min(ends) - MARGIN), min(100.5, max(ends) + MARGIN)),
        x_ticks=ticks,
    )
