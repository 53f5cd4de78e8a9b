"""Charts as numbers: what is drawn, in which colour's role, with which words. No markup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from flawforge.core.arrays import Floats

Role = Literal["generated", "real", "ink", "quiet"]
POINTS = 500  # of a drawn line at most


@dataclass(frozen=True)
class Curve:
    """One line of a chart.

    Attributes:
        label: its name in the legend; empty leaves it out.
        role: what it tells of, from which its colour comes.
        x: ascending.
        y: same length.
        raw: the same line before smoothing, as (x, low, high): drawn pale behind it.
        stepped: y[i] holds from x[i] to x[i + 1].
        filled: the area down to 0 is tinted.
        dashed: told apart without colour.
        dots: points that nothing joins; x need not ascend.
    """

    label: str
    role: Role
    x: tuple[float, ...]
    y: tuple[float, ...]
    raw: tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]] | None = None
    stepped: bool = False
    filled: bool = False
    dashed: bool = False
    dots: bool = False


@dataclass(frozen=True)
class Chart:
    """One chart.

    Attributes:
        name: unique on the page; letters and dashes.
        alt: what it shows, in words, for those who cannot see it.
        x_label: axis title with unit.
        y_label: likewise.
        curves: its lines.
        marks: (x, text) of vertical lines.
        level: (y, text) of a horizontal line, or None.
        x_range: fixed range, or None for what fits.
        y_range: likewise.
        x_log: equal ratios of x are equally far apart.
        x_ticks: (x, word) in the place of numbers, for an axis of words; empty for numbers.
    """

    name: str
    alt: str
    x_label: str
    y_label: str
    curves: tuple[Curve, ...]
    marks: tuple[tuple[float, str], ...] = field(default=())
    level: tuple[float, str] | None = None
    x_range: tuple[float, float] | None = None
    y_range: tuple[float, float] | None = None
    x_log: bool = False
    x_ticks: tuple[tuple[float, str], ...] = field(default=())


def moving_median(values: Floats, at: Sequence[int], window: int) -> list[float]:
    """Return the median of the `window` values centred on each index of `at`; near the ends, of those that are there.

    A median, since one step's spike would lift a mean over the whole window and look like a trend.
    """
    half = window // 2
    return [float(np.median(values[max(0, i - half) : i + half + 1])) for i in at]


def training_curve(
    label: str, role: Role, x: Sequence[float], y: Sequence[float], *, dashed: bool = False
) -> tuple[Curve, int]:
    """Return a smoothed line with its raw range behind it, and the window of the median in logged steps.

    The window is a fortieth of the line. The raw line is kept as the lowest and highest value of each of at most 500
    stretches, so that a long run draws no heavier than a short one and no spike is lost.
    """
    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    window = max(1, len(ys) // 40) | 1
    parts = np.array_split(np.arange(len(xs)), min(len(xs), POINTS))
    middle = [int(part[len(part) // 2]) for part in parts]
    raw = (
        tuple(float(xs[i]) for i in middle),
        tuple(float(ys[part].min()) for part in parts),
        tuple(float(ys[part].max()) for part in parts),
    )
    calm = tuple(moving_median(ys, middle, window))
    return Curve(label, role, raw[0], calm, raw=raw, dashed=dashed), window


def band(
    label: str, role: Role, x: Sequence[float], ranges: Sequence[Sequence[float]], *, dashed: bool = False
) -> Curve:
    """Return the middle of (low, middle, high) at each x as a line, with what lies from low to high behind it; the
    median of each of at most 100 stretches.
    """
    xs, values = np.asarray(x, dtype=np.float64), np.asarray(ranges, dtype=np.float64)
    parts = np.array_split(np.arange(len(xs)), min(len(xs), POINTS // 5))
    at = tuple(float(xs[part[len(part) // 2]]) for part in parts)
    low, middle, high = (tuple(float(np.median(values[part, side])) for part in parts) for side in range(3))
    return Curve(label, role, at, middle, raw=(at, low, high), dashed=dashed)


def histogram(label: str, role: Role, values: Sequence[float], edges: Floats) -> Curve:
    """Return the share of `values` in each bin, in percent, as a filled step line over the bins that hold any."""
    counts, _ = np.histogram(values, bins=edges)
    used = np.flatnonzero(counts)
    first, last = int(used[0]), int(used[-1])
    shares = 100 * counts[first : last + 1] / len(values)
    x, y = [edges[first], *edges[first : last + 2]], [0.0, *shares, 0.0]
    return Curve(label, role, tuple(map(float, x)), tuple(map(float, y)), stepped=True, filled=True)


def cumulative(label: str, role: Role, values: Sequence[float], end: float, *, dashed: bool = False) -> Curve:
    """Return the share of `values` at or below x, in percent, as a step line from 0 to `end` (thinned to 500 steps)."""
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    kept = np.unique(np.linspace(0, len(ordered) - 1, min(len(ordered), POINTS)).round().astype(int))
    x = [0.0, *ordered[kept], end]
    y = [0.0, *(100 * (kept + 1) / len(ordered)), 100.0]
    return Curve(label, role, tuple(map(float, x)), tuple(map(float, y)), stepped=True, dashed=dashed)
