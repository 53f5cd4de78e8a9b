"""The course of the training: curves, events, speed."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from flawforge.core.plural import plural
from flawforge.reports.charts.curves import Chart, Curve, band, training_curve
from flawforge.reports.run.origin import NOT_RECORDED
from flawforge.reports.words import count, duration, length, number
from flawforge.runs.history import QUANTILES, Line

KIMG = "thousand real images shown (kimg)"
MARKS = 9  # events marked in the charts


@dataclass(frozen=True)
class Course:
    """The section of the training.

    Attributes:
        facts: (what, value in words) rows.
        charts: losses, discriminator outputs, judgements; empty with fewer than two logged steps.
        events: lines of the history: warnings, resumes, the end.
        smoothing: how the bold lines were smoothed, in words.
        cut: what the charts cut off, in words, or empty.
    """

    facts: list[tuple[str, str]]
    charts: list[Chart]
    events: list[Line]
    smoothing: str
    cut: str


def course(lines: Sequence[Line], planned: int | None = None) -> Course | None:
    """Make the section from the history's lines and the planned number of steps, or None when no step is logged."""
    steps = logged_steps(lines)
    events = [line for line in lines if "event" in line]
    if not steps:
        return None
    marks = _marks(events, float(steps[-1]["kimg"]))
    charts, window, cut = _charts(steps, marks) if len(steps) > 1 else ([], 1, "")
    smoothing = f"bold: moving median over {plural(window, 'logged step')}; pale: every logged step"
    return Course(_facts(steps, events, planned), charts, events, smoothing if window > 1 else "every logged step", cut)


def _marks(events: Sequence[Line], end: float) -> tuple[tuple[float, str], ...]:
    """Return (kimg, numbers) of the marked events; those too near to tell apart in a chart share a mark: ``1, 2``."""
    marks: list[tuple[float, str]] = []
    for index, line in enumerate(events[:MARKS], start=1):
        if not _is_number(line.get("kimg")):
            continue
        kimg = float(line["kimg"])
        if marks and abs(kimg - marks[-1][0]) < 0.04 * end:
            marks[-1] = marks[-1][0], f"{marks[-1][1]}, {index}"
        else:
            marks.append((kimg, str(index)))
    return tuple(marks)


def logged_steps(lines: Sequence[Line]) -> list[Line]:
    """Return the history's lines that are logged steps."""
    return [line for line in lines if "event" not in line and _is_number(line.get("kimg"))]


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _series(steps: Sequence[Line], key: str) -> tuple[list[float], list[float]]:
    pairs = [(float(line["kimg"]), float(line[key])) for line in steps if _is_number(line.get(key))]
    return [x for x, _ in pairs], [y for _, y in pairs]


def _charts(steps: Sequence[Line], marks: tuple[tuple[float, str], ...]) -> tuple[list[Chart], int, str]:
    curves: dict[str, Curve] = {}
    window = 1
    for key, label, role in (
        ("loss_d", "discriminator", "ink"),
        ("loss_g", "generator", "generated"),
        ("d_real", "D(real)", "real"),
        ("d_fake", "D(fake)", "generated"),
    ):
        x, y = _series(steps, key)
        if len(x) > 1:
            curves[key], window = training_curve(label, role, x, y, dashed=role == "generated")  # type: ignore[arg-type]
    charts, cut = [], ""
    x_range = (0.0, float(steps[-1]["kimg"]) or 1.0)

    def add(
        name: str, alt: str, label: str, curves: tuple[Curve, ...], y_range: tuple[float, float], **more: Any
    ) -> None:
        charts.append(Chart(name, alt, KIMG, label, curves, marks=marks, x_range=x_range, y_range=y_range, **more))

    losses = tuple(curves[key] for key in ("loss_d", "loss_g") if key in curves)
    if losses:
        highest, limit = _limits(losses)
        if limit < highest:
            cut = f"The loss chart ends at {number(limit)}; single steps reach {number(highest)}."
        add("losses", f"Losses over training. {_ends(losses)}", "loss", losses, (0, limit))
    outputs = tuple(curves[key] for key in ("d_real", "d_fake") if key in curves)
    if outputs:
        alt = f"Mean discriminator outputs over training. {_ends(outputs)}"
        add("outputs", alt, "mean output of D", outputs, (0, 1), level=(0.5, "indistinguishable"))
    if scores := _scores(steps):
        alt = f"Outputs of the discriminator for single images over training: medians and 90% ranges. {_ends(scores)}"
        add("scores", alt, "output of D for an image", scores, (0, 1), level=(0.5, "indistinguishable"))
    kimg, values = _series(steps, "distance")
    if len(values) > 1:
        best = min(range(len(values)), key=values.__getitem__)
        alt = f"Distance of the generated images to real ones, lowest ({number(values[best])}) at {length(kimg[best])}."
        curve, _ = training_curve("distance", "generated", kimg, values)
        highest = min(max(values), 10 * abs(values[best])) * 1.05
        add("distance", alt, "distance to real images", (curve,), (min(0.0, *values), highest))
    return charts, window, cut


def _scores(steps: Sequence[Line]) -> tuple[Curve, ...]:
    """Return the discriminator's outputs for real and generated images, where the history has their quantiles."""
    curves = []
    for key, label, role in (("scores_real", "real", "real"), ("scores_fake", "generated", "generated")):
        found = [(float(line["kimg"]), line[key]) for line in steps if _is_quantiles(line.get(key))]
        if len(found) > 1:
            ranges = [(values[0], values[2], values[4]) for _, values in found]
            curves.append(band(label, role, [x for x, _ in found], ranges, dashed=role == "generated"))  # type: ignore[arg-type]
    return tuple(curves)


def _is_quantiles(value: object) -> bool:
    return isinstance(value, list) and len(value) == len(QUANTILES) and all(map(_is_number, value))


def _limits(curves: Sequence[Curve]) -> tuple[float, float]:
    """Return the highest raw value and the axis' end: what holds all but the rarest spikes."""
    tops = [top for curve in curves if curve.raw for top in curve.raw[2]]
    calm = max(max(curve.y) for curve in curves)
    highest = max(tops)
    limit = max(float(np.quantile(tops, 0.98)), calm) * 1.1
    return highest, limit if limit < highest * 0.8 else highest * 1.05 or 1.0


def _ends(curves: Sequence[Curve]) -> str:
    return "; ".join(f"{curve.label} ends near {number(curve.y[-1])}" for curve in curves) + "."


def _facts(steps: Sequence[Line], events: Sequence[Line], planned: int | None) -> list[tuple[str, str]]:
    last = steps[-1]
    speeds = [float(line["images_per_second"]) for line in steps if _is_number(line.get("images_per_second"))]
    speed = NOT_RECORDED
    if speeds:
        spread = f"(median; {number(min(speeds))} to {number(max(speeds))})"
        speed = f"{number(statistics.median(speeds))} images/s {spread}"
    in_steps = f" in {plural(int(last['step']), 'step')}" if _is_number(last.get("step")) else ""
    if in_steps and planned and int(last["step"]) < planned:
        in_steps += f" of {count(planned)} planned"
    resumed = sum(line["event"] == "resumed" for line in events)
    rows = [
        ("Length", length(float(last["kimg"])) + in_steps),
        ("Time spent training", duration(float(last["seconds"])) if _is_number(last.get("seconds")) else NOT_RECORDED),
        ("Speed", speed),
        ("Logged", plural(len(steps), "step")),
        ("Warnings", count(sum(line["event"] in ("warning", "rescued") for line in events))),
    ]
    if resumed:
        rows.append(("Stopped and resumed", "once" if resumed == 1 else f"{count(resumed)} times"))
    return rows
