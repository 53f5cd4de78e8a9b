"""How to reproduce the run: command, seeds, data, recipe, environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flawforge.core.settings.fields import field_range, field_unit
from flawforge.core.settings.recipes import RECIPES, Recipe
from flawforge.reports.words import count, joined, plural

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


def section(settings: dict[str, Any], name: str) -> dict[str, Any]:
    """Return one object of run.json, empty when it is missing or no object: an older run may lack it."""
    value = settings.get(name)
    return value if isinstance(value, dict) else {}


def white_of(settings: dict[str, Any]) -> int:
    """Return the data's pixel value of white, 255 when it is not recorded."""
    white = section(settings, "data").get("white")
    return white if isinstance(white, int) and white > 0 else 255


def resolution_of(settings: dict[str, Any]) -> tuple[int, int] | None:
    """Return the recipe's (height, width), or None when it is not recorded."""
    parts = str(section(settings, "recipe").get("resolution", "")).split("x")
    return (int(parts[0]), int(parts[-1])) if all(part.isdigit() and int(part) > 0 for part in parts) else None


def origin(settings: dict[str, Any], made: tuple[tuple[str, dict[str, Any]], ...]) -> Origin:
    """Make the section.

    Args:
        settings: the content of run.json.
        made: (what, facts) of what later commands made: facts may have ``command`` and ``seed``.
    """
    commands = []
    for what, facts in (("Training", settings), *made):
        if facts:
            seed = f", seed {facts['seed']}" if facts.get("seed") is not None else ""
            commands.append((what + seed, str(facts.get("command") or NOT_RECORDED)))
    return Origin(tuple(commands), _data(settings), _fields(section(settings, "recipe")), _environment(settings))


def _data(settings: dict[str, Any]) -> Rows:
    data, selection = section(settings, "data"), section(settings, "selection")
    classes = {str(label): n for label, n in section(data, "classes").items()}
    rows = [
        ("Source", str(data.get("source", NOT_RECORDED))),
        ("Layout", str(data.get("layout", NOT_RECORDED))),
        ("Fingerprint (SHA-256 of classes and pixels)", str(data.get("fingerprint", NOT_RECORDED))),
        ("Samples", count(data["samples"]) if isinstance(data.get("samples"), int) else NOT_RECORDED),
        ("Classes", joined([f"{label} ({n})" for label, n in classes.items()], most=40) or NOT_RECORDED),
        ("Stored as", _formats(data)),
        ("Colour", {"1": "gray", "3": "colour"}.get(str(data.get("channels")), NOT_RECORDED)),
        ("White", f"{data['white']} (pixel value)" if "white" in data else NOT_RECORDED),
    ]
    if data.get("jpeg"):
        rows.append(
            ("JPEG", f"{plural(int(data['jpeg']), 'sample')} came JPEG-compressed; generated images are lossless")
        )
    if selection.get("classes"):
        rows.append(("Chosen classes", joined([str(label) for label in selection["classes"]], most=40)))
    if selection.get("shots"):
        rows.append(("Shots", f"{selection['shots']} training images per class"))
    return tuple(rows)


def _formats(data: dict[str, Any]) -> str:
    counted: dict[str, int] = {}
    for item in data.get("formats") or []:  # one item a class and format
        name = f"{item.get('width')} × {item.get('height')} {item.get('mode')}"
        counted[name] = counted.get(name, 0) + int(item.get("count") or 0)
    words = [f"{name} ({count(n)})" for name, n in counted.items()]
    return joined(words, most=9) or NOT_RECORDED


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


def _environment(settings: dict[str, Any]) -> Rows:
    parameters = section(settings, "parameters")
    rows = [(name, str(value)) for name, value in section(settings, "environment").items() if value is not None]
    for name, value in parameters.items():
        text = count(value) if isinstance(value, int) else str(value)
        rows.append((f"parameters of the {name}", text))
    if settings.get("started"):
        rows.insert(0, ("started", str(settings["started"])))
    return tuple(rows)
