"""How to reproduce the run: command, seeds, data, recipe, environment."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from flawforge.core.settings.fields import field_range, field_unit
from flawforge.core.settings.recipes import RECIPES, Recipe
from flawforge.reports.words import count, joined, plural
from flawforge.runs.run_settings import RunSettings

Rows = tuple[tuple[str, str], ...]
NOT_RECORDED = "not recorded"


@dataclass(frozen=True)
class Field:
    """One setting of the recipe, in words; `usual` is the named recipe's value where this run differs, else empty."""

    name: str
    value: str
    unit: str
    allowed: str
    meaning: str
    usual: str


@dataclass(frozen=True)
class Origin:
    """The section: commands under what they made with which seed, and tables of (what, value) rows."""

    commands: Rows
    data: Rows
    recipe: tuple[Field, ...]
    environment: Rows


def resolution_of(settings: RunSettings) -> tuple[int, int] | None:
    """Return the recipe's (height, width), or None when it is not recorded."""
    parts = str(settings.recipe.get("resolution", "")).split("x")
    return (int(parts[0]), int(parts[-1])) if all(part.isdigit() and int(part) > 0 for part in parts) else None


def origin(settings: RunSettings, made: tuple[tuple[str, dict[str, Any]], ...]) -> Origin:
    """Make the section.

    Args:
        settings: the content of run.json.
        made: (what, facts) of what later commands made: facts may have ``command`` and ``seed``.
    """
    commands = []
    for what, facts in (("Training", settings.model_dump(include={"seed", "command"}, exclude_unset=True)), *made):
        if facts:
            seed = f", seed {facts['seed']}" if facts.get("seed") is not None else ""
            commands.append((what + seed, str(facts.get("command") or NOT_RECORDED)))
    return Origin(tuple(commands), _data(settings), _fields(settings.recipe), _environment(settings))


def _data(settings: RunSettings) -> Rows:
    data, selection = settings.data, settings.selection
    stored: Counter[str] = Counter()
    for form in data.formats:  # one a class and format
        stored[f"{form.width} × {form.height} {form.mode}"] += form.count
    rows = [
        ("Source", data.source),
        ("Layout", data.layout),
        ("Fingerprint (SHA-256 of classes and pixels)", data.fingerprint),
        ("Samples", "" if data.samples is None else count(data.samples)),
        ("Classes", joined([f"{label} ({n})" for label, n in data.classes.items()], most=40)),
        ("Stored as", joined([f"{name} ({count(n)})" for name, n in stored.items()], most=9)),
        ("Colour", {1: "gray", 3: "colour"}.get(data.channels or 0, "")),
        ("White", f"{data.white} (pixel value)" if "white" in data.model_fields_set else ""),
    ]
    rows = [(name, value or NOT_RECORDED) for name, value in rows]
    if data.jpeg:
        rows.append(("JPEG", f"{plural(data.jpeg, 'sample')} came JPEG-compressed; generated images are lossless"))
    if selection.classes:
        rows.append(("Chosen classes", joined(selection.classes, most=40)))
    if selection.shots:
        rows.append(("Shots", f"{selection.shots} training images per class"))
    return tuple(rows)


def _fields(recipe: dict[str, Any]) -> tuple[Field, ...]:
    base = RECIPES[recipe["name"]].dump() if recipe.get("name") in RECIPES else {}
    rows = []
    for name, field in Recipe.model_fields.items():
        value = recipe.get(name)
        changed = name in recipe and name in base and base[name] != value
        rows.append(
            Field(
                name=name,
                value=_value(value) if name in recipe else NOT_RECORDED,
                unit=field_unit(field),
                allowed="" if field_range(field) == "any" else field_range(field),
                meaning=field.description or "",
                usual=_value(base[name]) if changed else "",
            )
        )
    for name in recipe.keys() - Recipe.model_fields.keys():
        rows.append(
            Field(name, _value(recipe[name]), "", "", "a setting that this version of Flawforge does not know", "")
        )
    return tuple(rows)


def _value(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def _environment(settings: RunSettings) -> Rows:
    rows = [("started", settings.started)] if settings.started else []
    rows += [(name, str(value)) for name, value in settings.environment.items() if value is not None]
    rows += [(f"parameters of the {name}", count(value)) for name, value in settings.parameters.items()]
    return tuple(rows)
