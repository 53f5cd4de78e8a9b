"""One quantity as a strip: the band that real images fill, and where the generated ones fall. Drawn by hand as SVG."""

from __future__ import annotations

from dataclasses import dataclass

from flawforge.reports.words import number
from flawforge.runs.scores import MeasuredQuantity, Number

WIDTH, HEIGHT = 320, 44
LEFT, RIGHT, MIDDLE = 8, 312, 15
FLOOR = 28  # of the strip; the scale's ends are written below


@dataclass(frozen=True)
class Strip:
    """Where things stand, in units of the SVG; None where nothing was measured.

    Attributes:
        alt: all of it in words.
        band: left and right end of real images' 95 %, and their mean.
        generated: left end, right end and value.
        classical: likewise.
        zero: where 0 is, when it lies inside and not at the end.
        ends: the scale's ends in words.
    """

    alt: str
    band: tuple[float, float, float] | None
    generated: tuple[float, float, float] | None
    classical: tuple[float, float, float] | None
    zero: float | None
    ends: tuple[str, str]


def strip(quantity: MeasuredQuantity, name: str) -> Strip:
    """Bring a quantity to its own scale: shares from 0 to 1, all else from 0 or below to the largest end."""
    parts = (quantity.real, quantity.generated, quantity.classical)
    values = [end for part in parts for end in (part.low, part.high, part.value) if end is not None]
    low, high = (0.0, 1.0) if quantity.unit == "share" else (min([0.0, *values]), max([0.0, *values]))
    if high <= low:
        high = low + 1

    def place(value: float) -> float:
        return round(LEFT + (RIGHT - LEFT) * (value - low) / (high - low), 1)

    def span(part: Number) -> tuple[float, float, float] | None:
        if part.value is None:
            return None
        ends = (part.low if part.low is not None else part.value, part.high if part.high is not None else part.value)
        return place(ends[0]), place(ends[1]), place(part.value)

    alt = f"{name}: generated {in_words(quantity.generated)}; real {in_words(quantity.real)}"
    alt += f"; classical transforms {in_words(quantity.classical)}."
    ends = (number(low, 2), number(high, 2))
    zero = place(0) if low < 0 < high else None
    return Strip(alt, span(quantity.real), span(quantity.generated), span(quantity.classical), zero, ends)


def in_words(part: Number) -> str:
    """Return ``0.83 (0.77 to 0.88)``, or ``not measured``."""
    if part.value is None or part.low is None or part.high is None:
        return number(part.value)
    return f"{number(part.value)} ({number(part.low)} to {number(part.high)})"


def draw_strip(shown: Strip) -> str:
    """Return the strip as an ``<svg>`` element in the page's colours."""
    label = shown.alt.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    parts = [f'<svg class="strip" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">']
    parts.append(f'<line x1="{LEFT}" x2="{RIGHT}" y1="{FLOOR}" y2="{FLOOR}" stroke="var(--rule)"/>')
    if shown.zero is not None:
        parts.append(
            f'<line x1="{shown.zero}" x2="{shown.zero}" y1="{FLOOR - 3}" y2="{FLOOR + 3}" stroke="var(--ink)"/>'
        )
    if shown.band is not None:
        left, right, middle = shown.band
        width = max(2.0, right - left)
        parts.append(
            f'<rect x="{left}" y="3" width="{width:.1f}" height="{FLOOR - 3}" fill="var(--real)" opacity=".22"/>'
        )
        parts.append(f'<line x1="{middle}" x2="{middle}" y1="3" y2="{FLOOR}" stroke="var(--real)" stroke-width="1.5"/>')
    if shown.classical is not None:
        left, right, middle = shown.classical
        y = MIDDLE + 7
        parts.append(f'<line x1="{left}" x2="{right}" y1="{y}" y2="{y}" stroke="var(--quiet)"/>')
        diamond = f"M{middle - 4:.1f} {y}L{middle} {y - 4}L{middle + 4:.1f} {y}L{middle} {y + 4}Z"
        parts.append(f'<path d="{diamond}" fill="var(--paper)" stroke="var(--quiet)" stroke-width="1.3"/>')
    if shown.generated is not None:
        left, right, middle = shown.generated
        y = MIDDLE - 5
        parts.append(f'<line x1="{left}" x2="{right}" y1="{y}" y2="{y}" stroke="var(--generated)" stroke-width="2.5"/>')
        parts.append(f'<circle cx="{middle}" cy="{y}" r="4.5" fill="var(--generated)"/>')
    for x, anchor, text in ((LEFT, "start", shown.ends[0]), (RIGHT, "end", shown.ends[1])):
        parts.append(f'<text x="{x}" y="{HEIGHT - 3}" text-anchor="{anchor}">{text}</text>')
    return "".join([*parts, "</svg>"])
