"""Settings: frozen, typed, checked; each field says its unit, range and meaning in one place.

A settings class is a pydantic model whose every field is made by `setting`. The command line, the TOML files, the
help pages and the checks are all derived from it.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from flawforge.core.errors import SettingError, did_you_mean

KINDS = {"int_": "a whole number, ", "float_": "a number, "}  # beginning of pydantic's word for a problem


def setting(default: Any = ..., *, help: str, unit: str = "", allowed: str = "", **constraints: Any) -> Any:
    """Declare one field of a settings class.

    Args:
        default: its default; without one the field is required.
        help: what it does and what changing it costs, in a sentence or two.
        unit: its unit (``pixels``, ``kimg``), empty for a bare number or a word.
        allowed: the range in words, where neither the type nor the constraints say it.
        constraints: pydantic's own (``ge``, ``gt``, ``le``, ``lt``), from which the shown range is made.
    """
    return Field(default, description=help, json_schema_extra={"unit": unit, "allowed": allowed}, **constraints)


class Settings(BaseModel):
    """Base of all settings. Unknown keys are errors that name the nearest known one; values cannot change later."""

    flags: ClassVar[Mapping[str, tuple[str, ...]]] = {}  # field to its option and aliases, where they differ
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    @classmethod
    def parse(cls, values: Mapping[str, Any], *, where: str = "") -> Self:
        """Check `values` and return the settings.

        Args:
            values: field name to value; strings are converted where they say a number.
            where: what the values came from (a file, ``the command line``), for the message.

        Raises:
            SettingError: an unknown field, or a value outside its range; the message lists every problem.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            problems = [cls._explain(dict(item), as_flag=not where) for item in error.errors()]
            prefix = f"{where}: " if where else ""
            raise SettingError(prefix + "; ".join(problems)) from None

    @classmethod
    def read_toml(cls, path: Path) -> dict[str, Any]:
        """Read a TOML file of settings and return its values, unchecked.

        Raises:
            SettingError: there is no such file, or it is no TOML.
        """
        try:
            return tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise SettingError(f"there is no settings file {path}.") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingError(f"{path} is not valid TOML: {error}.") from None

    @classmethod
    def _explain(cls, item: dict[str, Any], as_flag: bool) -> str:
        """Put a problem into words; `as_flag` names the option of the command line, else it is the name in a file."""
        name = ".".join(str(part) for part in item["loc"]) or cls.__name__
        field = str(item["loc"][0]) if item["loc"] else ""
        if item["type"] == "extra_forbidden":
            return f"there is no setting '{name}'.{did_you_mean(name, cls.model_fields)}"
        if item["type"] == "missing":
            return f"setting '{name}' is missing"
        message = item["msg"].removeprefix("Value error, ")
        if not field:  # a rule over several fields, which names them itself
            return str(message)
        named = cls.flag(field) if as_flag else f"setting '{field}'"
        allowed = field_range(cls.model_fields[field]) if field in cls.model_fields else "any"
        if allowed == "any":
            return f"{named} cannot be {item['input']!r}: {message}"
        if item["type"] == "value_error":  # a rule of ours, which says more than the range
            return f"{named} cannot be {item['input']!r}: {message}; allowed: {allowed}"
        kind = next((words for start, words in KINDS.items() if item["type"].startswith(start)), "")
        return f"{named} cannot be {item['input']!r}; allowed: {kind}{allowed}"

    @classmethod
    def flag(cls, field: str) -> str:
        """Return the option of the command line that sets a field."""
        return cls.flags.get(field, (f"--{field.replace('_', '-')}",))[0]


def field_unit(field: FieldInfo) -> str:
    """Return a field's unit, empty when it has none."""
    extra = field.json_schema_extra
    return str(extra.get("unit", "")) if isinstance(extra, dict) else ""


def field_range(field: FieldInfo) -> str:
    """Return the allowed values of a field in words: ``1 to 4096``, ``above 0``, ``one of a, b``."""
    choices = _choices(field.annotation)
    if choices:
        return "one of " + ", ".join(choices)
    low: list[str] = []
    high: list[str] = []
    for rule in field.metadata:
        for attribute, word, side in (
            ("ge", "from {}", low),
            ("gt", "above {}", low),
            ("le", "to {}", high),
            ("lt", "below {}", high),
        ):
            value = getattr(rule, attribute, None)
            if value is not None:
                side.append(word.format(_number(value)))
    extra = field.json_schema_extra
    spelled = str(extra.get("allowed", "")) if isinstance(extra, dict) else ""
    return " ".join(low + high) or spelled or "any"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"


def _choices(annotation: Any) -> list[str]:
    from types import UnionType
    from typing import Literal, Union, get_args, get_origin

    if get_origin(annotation) is Literal:
        return [str(value) for value in get_args(annotation)]
    if get_origin(annotation) in (Union, UnionType):
        parts = [_choices(part) for part in get_args(annotation) if part is not type(None)]
        if all(parts):
            return [choice for part in parts for choice in part]
    return []


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
