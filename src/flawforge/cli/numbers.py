"""Numbers as they are typed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import Parameter, Token


def _whole(_: Any, tokens: Sequence[Token]) -> int:
    """Return the whole number that a word says; cyclopts would round 1.5 without a word.

    Raises:
        ValueError: it says none.
    """
    word = tokens[0].value
    try:
        return int(word)
    except ValueError:
        raise ValueError(f"'{word}' is no whole number.") from None


Whole = Annotated[int, Parameter(converter=_whole)]
"""A whole number as an option: 1.5 is refused."""
