"""A number with its noun."""

from __future__ import annotations


def plural(n: int, noun: str, plural_noun: str = "") -> str:
    """Return ``1 image`` or ``12,800 images``; the plural is the noun with an s unless given."""
    return f"{n:,} {noun if n == 1 else plural_noun or noun + 's'}"
