"""Paired differences as dots on a line, one a seed, with their mean and interval. Drawn by hand as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 320, 46
LEFT, RIGHT = 10, 310
LINE, FLOOR = 9, 30  # of the mean with its interval, and of the scale; the dots lie between
ROWS = 3  # heights at which dots lie in turn, so that equal ones can be counted


@dataclass(frozen=True)
class Dots:
    """Where things stand, in units of the SVG.

    Attributes:
        alt: all of it in words.
        dots: (x, y) of each seed. mean: of them. span: ends of the interval, cut to the frame.
        zero: where no difference is.
        ends: the scale's ends in words.
    """

    alt: str
    dots: tuple[tuple[float, float], ...]
    mean: float
    span: tuple[float, float]
    zero: float
    ends: tuple[str, str]


def scale_of(values: Sequence[float]) -> tuple[float, float]:
    """Return the ends of a scale that holds all values and 0, in whole points of at least 1 each way."""
    low, high = min([-0.01, *values]), max([0.01, *values])
    return math.floor(100 * low + 1e-9) / 100, math.ceil(100 * high - 1e-9) / 100


def dots(
    differences: Sequence[float], mean: float, low: float, high: float, scale: tuple[float, float], alt: str
) -> Dots:
    """Bring differences (shares) to a scale of shares that several lines of a page have in common."""
    left, right = scale

    def place(value: float) -> float:
        inside = min(max(value, left), right)
        return round(LEFT + (RIGHT - LEFT) * (inside - left) / (right - left), 1)

    spots = tuple((place(value), 16 + 4.5 * (i % ROWS)) for i, value in enumerate(differences))
    ends = (f"{100 * left:+.0f}", f"{100 * right:+.0f} points")
    return Dots(alt, spots, place(mean), (place(low), place(high)), place(0), ends)


def draw_dots(shown: Dots) -> str:
    """Return the line as an ``<svg>`` element in the page's colours."""
    label = shown.alt.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    left, right = shown.span
    parts = [
        f'<svg class="strip" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">',
        f'<line x1="{LEFT}" x2="{RIGHT}" y1="{FLOOR}" y2="{FLOOR}" stroke="var(--rule)"/>',
        f'<line x1="{shown.zero}" x2="{shown.zero}" y1="2" y2="{FLOOR + 3}" stroke="var(--ink)" '
        f'stroke-dasharray="2 2"/>',
        f'<line x1="{left}" x2="{right}" y1="{LINE}" y2="{LINE}" stroke="var(--generated)" stroke-width="2.5"/>',
        f'<circle cx="{shown.mean}" cy="{LINE}" r="4.5" fill="var(--generated)"/>',
    ]
    parts += [f'<circle cx="{x}" cy="{y}" r="2.4" fill="var(--generated)" opacity=".55"/>' for x, y in shown.dots]
    for x, anchor, text in ((LEFT, "start", shown.ends[0]), (RIGHT, "end", shown.ends[1])):
        parts.append(f'<text x="{x}" y="{HEIGHT - 3}" text-anchor="{anchor}">{text}</text>')
    if LEFT + 30 < shown.zero < RIGHT - 60:
        parts.append(f'<text x="{shown.zero}" y="{HEIGHT - 3}" text-anchor="middle">0</text>')
    return "".join([*parts, "</svg>"])
