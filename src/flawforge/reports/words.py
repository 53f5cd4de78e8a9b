"""Numbers in words: counts, shares, times. A share is 0% or 100% only when it is exactly that."""

from __future__ import annotations

import math

from flawforge.core.percent import percent
from flawforge.runs.judged.scores import Number
from flawforge.runs.records import Share

NBSP = "\u00a0"
NOT_MEASURED = "not measured"


def count(n: int) -> str:
    """Return an integer with its thousands set apart: ``12,800``."""
    return f"{n:,}"


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with `digits` significant digits, never in powers of ten below a million.

    None is ``not measured``. A number that is not 0 is never written 0.
    """
    if value is None:
        return NOT_MEASURED
    if value == 0:
        return "0"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    if places > digits + 3:
        return f"{value:.{digits - 1}e}"
    return f"{value:,.{max(0, places)}f}"


def measured(part: Number) -> str:
    """Return a number of the score with its interval, ``0.83 (0.77 to 0.88)``, or ``not measured``.

    An interval without width, as of images that were all told apart, is none: redrawing them could not show another.
    """
    if part.value is None or part.low is None or part.high is None or part.low == part.high:
        return number(part.value)
    return f"{number(part.value)} ({number(part.low)} to {number(part.high)})"


def shares(part: Number) -> str:
    """Return a share of the score in percent with its interval, ``24% (18.5% to 30%)``, or ``not measured``."""
    if part.value is None or part.low is None or part.high is None:
        return NOT_MEASURED
    return f"{percent(part.value)} ({percent(part.low)} to {percent(part.high)})"


def length(kimg: float) -> str:
    """Return a training length to four digits, without trailing zeros: ``24 kimg``, ``0.768 kimg``."""
    text = number(kimg, 4)
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text}{NBSP}kimg"


def duration(seconds: float | None) -> str:
    """Return a time in its two largest units: ``0.4 s``, ``48 s``, ``9 min 40 s``, ``1 h 5 min``."""
    if seconds is None:
        return NOT_MEASURED
    if seconds < 10:
        return f"{number(seconds, 2)}{NBSP}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}{NBSP}s"
    if whole < 3600:
        return f"{whole // 60}{NBSP}min{NBSP}{whole % 60}{NBSP}s"
    minutes = round(seconds / 60)
    return f"{count(minutes // 60)}{NBSP}h{NBSP}{minutes % 60}{NBSP}min"


def chance(p: float | None) -> str:
    """Return a p-value: ``0.250``, ``1 in 2,000``, ``below 1 in 1,000,000``."""
    if p is None or p >= 0.01:
        return number(p)
    return "below 1 in 1,000,000" if p < 1e-6 else f"1 in {count(int(1 / p))}"


def share(measured: Share | None) -> str:
    """Return a share with its n and 95% interval: ``3 of 400 (0.8%; 95% CI 0.3% to 2.2%)``."""
    if measured is None:
        return NOT_MEASURED
    interval = f"95% CI {percent(measured.low)} to {percent(measured.high)}"
    of_all = percent(measured.count / measured.total)
    return f"{count(measured.count)} of {count(measured.total)} ({of_all}; {interval})"


def joined(words: list[str], most: int = 6) -> str:
    """Return ``a, b and c``; beyond `most` the rest is counted: ``a, b and 7 more``."""
    if len(words) > most:
        words = [*words[: most - 1], f"{count(len(words) - most + 1)} more"]
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)
