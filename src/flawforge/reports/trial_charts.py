"""The trial's charts: learning curves with bands, one a model."""

from __future__ import annotations

import math

from flawforge.core.arms import uses_generated
from flawforge.reports.curves import Chart, Curve, Role
from flawforge.runs.trials import ArmResult, TrialRecord

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
