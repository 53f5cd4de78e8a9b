"""How the size of images is written: 128, or height first 96x160."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer


def parse_resolution(value: Any) -> Any:
    """Take 128, "128", "96x160" (height x width) or [96, 160]."""
    if isinstance(value, bool):
        raise ValueError("a resolution is a number of pixels")  # noqa: TRY004 - pydantic wants ValueError
    if isinstance(value, int):
        return (value, value)
    if isinstance(value, str):
        parts = value.lower().replace("×", "x").split("x")
        if not all(part.strip().isdigit() for part in parts) or len(parts) > 2:
            raise ValueError("a resolution is written 128 or, height first, 96x160")
        return (int(parts[0]), int(parts[-1]))
    return value


Resolution = Annotated[
    tuple[int, int],
    BeforeValidator(parse_resolution),
    PlainSerializer(lambda v: f"{v[0]}x{v[1]}" if v[0] != v[1] else str(v[0]), return_type=str),
]
