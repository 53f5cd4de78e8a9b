"""The settings of a trial as flags: made from `TrialSettings` itself, so that they cannot drift from it."""

from __future__ import annotations

from dataclasses import field, fields, make_dataclass
from typing import Annotated, Any

from cyclopts import Group, Parameter

from flawforge.core.settings import field_range, field_unit
from flawforge.core.trials import TrialSettings

GROUP = Group(
    "Settings of the trial",
    help="Of a trial that goes on, give the same again; more seeds, shots, arms or models may be asked for.",
    sort_key=10,
)
NAMES = {"models": "--model"}  # where the flag's name is not the field's
LISTS = ("shots", "arms", "models")  # written with commas or spaces


def _help(name: str) -> str:
    info = TrialSettings.model_fields[name]
    default = info.default
    shown = ",".join(str(part) for part in default) if isinstance(default, tuple) else default
    shown = f"{default[0]}" if name == "resolution" else shown
    facts = [fact for fact in (field_unit(info), field_range(info)) if fact and fact != "any"]
    facts.append("default unset" if default is None else f"default {shown}")
    commas = " Several with commas or spaces." if name in LISTS else ""
    return f"{info.description}{commas} ({'; '.join(facts)})"


def _flags() -> type:
    specification = []
    for name in TrialSettings.model_fields:
        several: dict[str, Any] = {"consume_multiple": True, "negative": ""} if name in LISTS else {}
        look = Parameter(name=NAMES.get(name), help=_help(name), group=GROUP, show_default=False, **several)
        kind: Any = list[str] | None if name in LISTS else str | None
        specification.append((name, Annotated[kind, look], field(default=None)))
    made = make_dataclass("TrialFlags", specification, frozen=True)
    made.__module__ = __name__  # else cyclopts takes it for a built-in type and does not look inside
    return made


TrialFlags: Any = _flags()
"""A frozen dataclass with one optional text, or list, for each field of `TrialSettings`, whose `parse` converts."""
NONE_GIVEN = TrialFlags()


def given(flags: Any) -> dict[str, Any]:
    """Return the fields that were given on the command line; lists as tuples of words."""
    values = {entry.name: getattr(flags, entry.name) for entry in fields(flags)}
    said = {name: value for name, value in values.items() if value is not None}
    for name in LISTS:
        if name in said:
            said[name] = tuple(word.strip() for text in said[name] for word in text.split(",") if word.strip())
    return said
