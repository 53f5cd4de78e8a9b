"""A share in percent."""

from __future__ import annotations


def percent(fraction: float) -> str:
    """Return a share of 0 to 1 in percent, with as many digits as keep it from reading 0 or 100 when it is neither."""
    if fraction in (0, 1):
        return f"{fraction * 100:.0f}%"
    for places in range(1, 12):
        text = f"{fraction * 100:.{places}f}"
        if 0 < float(text) < 100:
            return f"{text.rstrip('0').rstrip('.')}%"
    return f"{fraction * 100!r}%"
