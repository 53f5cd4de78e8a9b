"""The fields of settings as flags: made from the settings themselves, so that they cannot drift from them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import field, fields, make_dataclass
from typing import Annotated, Any

from cyclopts import Group, Parameter

from flawforge.core.settings import Settings, field_range, field_unit


def flags_of(
    name: str,
    module: str,
    settings: type[Settings],
    defaults: Mapping[str, str],
    group: Group,
    *,
    names: Mapping[str, str] | None = None,
    lists: Collection[str] = (),
) -> Any:
    """Return a frozen dataclass with one optional text, or list of texts, for each field of some settings.

    Args:
        name: of the class.
        module: where it is kept.
        settings: whose `parse` converts and checks what is given.
        defaults: field to what its help says of the default; fields that are missing here get no flag.
        group: of the help.
        names: field to flag, where they differ.
        lists: fields that take several values, with commas or spaces.
    """
    specification = []
    for key, default in defaults.items():
        several: dict[str, Any] = {"consume_multiple": True, "negative": ""} if key in lists else {}
        flag = (names or {}).get(key)
        told = _help(settings, key, default, key in lists)
        kind: Any = list[str] | None if key in lists else str | None
        look = Parameter(name=flag, help=told, group=group, show_default=False, **several)
        specification.append((key, Annotated[kind, look], field(default=None)))
    made = make_dataclass(name, specification, frozen=True)
    made.__module__ = module  # else cyclopts takes it for a built-in type and does not look inside
    return made


def given(flags: Any) -> dict[str, Any]:
    """Return the fields that were given on the command line; lists as tuples of words."""
    values = {entry.name: getattr(flags, entry.name) for entry in fields(flags)}
    return {
        name: tuple(word.strip() for text in value for word in text.split(",") if word.strip())
        if isinstance(value, list)
        else value
        for name, value in values.items()
        if value is not None
    }


def _help(settings: type[Settings], name: str, default: str, several: bool) -> str:
    info = settings.model_fields[name]
    facts = [fact for fact in (field_unit(info), field_range(info)) if fact and fact != "any"]
    commas = " Several with commas or spaces." if several else ""
    return f"{info.description}{commas} ({'; '.join([*facts, default])})"
