"""Settings as TOML text: flat tables of words, numbers and truth values, as recipes are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def to_toml(values: Mapping[str, Any], comment: str = "") -> str:
    """Return TOML that reads back as `values`; None values are left out, since TOML has none.

    Args:
        values: names (letters, digits, underscores) to str, bool, int or float.
        comment: lines that are put on top, each after ``#``.

    Raises:
        ValueError: another kind of value.
    """
    lines = [f"# {line}".rstrip() for line in comment.splitlines()]
    for name, value in values.items():
        if value is None:
            continue
        if not isinstance(value, (str, bool, int, float)):
            raise ValueError(f"{name} is {value!r}; a flat TOML file holds words, numbers and truth values")  # noqa: TRY004 - a value
        lines.append(f"{name} = {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"
