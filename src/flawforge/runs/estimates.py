"""A measured number with its confidence interval, and how it is written. Values are shares: 0.031 is 3.1 points."""

from __future__ import annotations

from flawforge.runs.records import RecordPart


class Estimate(RecordPart):
    """A number with its interval, whose confidence is `level`: 0.95 unless an interim analysis made it wider."""

    value: float | None
    low: float | None
    high: float | None
    level: float = 0.95

    def within(self, least: float, most: float) -> Estimate:
        """Return it as it is to be shown: the interval's ends cut to what is possible, the value left as it is."""
        if self.value is None or self.low is None or self.high is None:
            return self
        low, high = min(self.value, max(self.low, least)), max(self.value, min(self.high, most))
        return self.model_copy(update={"low": low, "high": high})


def points(share: float, *, sign: bool = False) -> str:
    """Return a share in points to one decimal: ``3.1``, with `sign` ``+3.1``; a true change is never written 0.0."""
    value = 100 * share
    places = 1 if value == 0 or abs(value) >= 0.05 else 2
    return f"{value:{'+' if sign else ''}z.{places}f}"


def gain_points(gain: Estimate) -> str:
    """Return ``+0.5 points (95% CI -0.9 to 1.8)``; no gain and no loss of a share is above 100 points."""
    gain = gain.within(-1.0, 1.0)
    if gain.value is None or gain.low is None or gain.high is None:
        return "not measured"
    interval = f"{100 * gain.level:.3g}% CI {points(gain.low)} to {points(gain.high)}"
    return f"{points(gain.value, sign=True)} points ({interval})"


def in_percent(measured: Estimate) -> str:
    """Return ``88.2 (86.9 to 89.5)``, percent."""
    if measured.value is None:
        return "not measured"
    shown = measured.within(0.0, 1.0)
    interval = "" if shown.low is None or shown.high is None else f" ({100 * shown.low:.1f} to {100 * shown.high:.1f})"
    return f"{100 * measured.value:.1f}{interval}"


def percent_with_interval(measured: Estimate) -> str:
    """Return ``88.2% (95% CI 86.9 to 89.5)``."""
    if measured.value is None:
        return "not measured"
    shown = measured.within(0.0, 1.0)
    confidence = f"{100 * shown.level:.3g}% CI"
    ends = "" if shown.low is None or shown.high is None else f"{100 * shown.low:.1f} to {100 * shown.high:.1f}"
    return f"{100 * measured.value:.1f}%{ends and f' ({confidence} {ends})'}"
