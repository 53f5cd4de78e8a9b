"""Scales that several numbers stand on: from a number to its position in a drawing of templates/parts.html.j2."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from flawforge.runs.judged.scores import MeasuredQuantity

LEFT, RIGHT = 8, 312  # ends of every scale, in units of the SVG


@dataclass(frozen=True)
class NumberLine:
    """The numbers at the left and at the right end."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """Return the position of a number; one beyond the ends stands at the end."""
        inside = min(max(value, self.low), self.high)
        return round(LEFT + (RIGHT - LEFT) * (inside - self.low) / (self.high - self.low), 1)


def own_scale(quantity: MeasuredQuantity) -> NumberLine:
    """Return a quantity's own scale: shares from 0 to 1, all else from 0 or below to the largest end."""
    parts = (quantity.real, quantity.generated, quantity.classical)
    values = [end for part in parts for end in (part.low, part.high, part.value) if end is not None]
    low, high = (0.0, 1.0) if quantity.unit == "share" else (min([0.0, *values]), max([0.0, *values]))
    return NumberLine(low, high if high > low else low + 1)


def common_scale(shares: Iterable[float | None]) -> NumberLine:
    """Return the scale of some differences: it holds all and 0, and ends at whole points of at least 1 each way."""
    known = [share for share in shares if share is not None]
    low, high = min([-0.01, *known]), max([0.01, *known])
    return NumberLine(math.floor(100 * low + 1e-9) / 100, math.ceil(100 * high - 1e-9) / 100)
