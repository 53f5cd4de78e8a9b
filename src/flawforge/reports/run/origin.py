"""How to reproduce the run: commands, how the images are stored, and the recipe."""

from __future__ import annotations

from collections import Counter
from typing import Any

from flawforge.core.images import in_words
from flawforge.core.settings.fields import field_range, field_unit
from flawforge.core.settings.recipe import Recipe
from flawforge.core.settings.recipes import RECIPES
from flawforge.reports.run.synthetic import Synthetic
from flawforge.reports.words import count
from flawforge.runs.records import Record
from flawforge.runs.run_settings import RunSettings

NOT_RECORDED = "not recorded"
RecipeRow = tuple[str, str, str, str, str, str]
"""A setting: name, value, unit, allowed, meaning, and the named recipe's value where this run differs."""


def resolution_of(settings: RunSettings) -> tuple[int, int] | None:
    """Return the recipe's (height, width), or None when it is not recorded."""
    parts = str(settings.recipe.get("resolution", "")).split("x")
    return (int(parts[0]), int(parts[-1])) if all(part.isdigit() and int(part) > 0 for part in parts) else None


def commands(settings: RunSettings, synthetic: Synthetic | None, **records: Record | None) -> dict[str, list[str]]:
    """Return each command with what it made, a command that made several things (`flawforge run`) once.

    Args:
        settings: the content of run.json.
        synthetic: the run's set, or None.
        records: by name; None where there is none.
    """
    facts = {"Training": settings.model_dump(include={"seed", "command"}, exclude_unset=True)}
    facts["Generated images"] = {} if synthetic is None else synthetic.facts
    facts |= {name.capitalize(): {"command": record.command} for name, record in records.items() if record}
    made: dict[str, list[str]] = {}
    for what, known in facts.items():
        if known:
            seed = f", seed {known['seed']}" if known.get("seed") is not None else ""
            made.setdefault(str(known.get("command") or NOT_RECORDED), []).append(what + seed)
    return made


def stored_as(settings: RunSettings) -> list[str]:
    """Return how the training images are stored, each form with its number: ``300 × 200 8-bit gray (1,507)``."""
    stored: Counter[str] = Counter()
    for form in settings.data.formats:  # one a class and format
        stored[f"{form.width} × {form.height} {in_words(form.mode)}"] += form.count
    return [f"{name} ({count(n)})" for name, n in stored.items()]


def recipe_rows(recipe: dict[str, Any]) -> tuple[list[RecipeRow], list[RecipeRow]]:
    """Return the settings that decide anything in the recipe's design, and those of other designs."""
    base = RECIPES[recipe["name"]].dump() if recipe.get("name") in RECIPES else {}
    design = recipe.get("design", Recipe.model_fields["design"].default)
    own = set(Recipe.model_construct(design=design).own_fields)  # unchecked: it may be one of another version
    rows: tuple[list[RecipeRow], list[RecipeRow]] = ([], [])
    for name, field in Recipe.model_fields.items():
        value = _value(recipe[name]) if name in recipe else NOT_RECORDED
        usual = _value(base[name]) if name in recipe and name in base and base[name] != recipe[name] else ""
        allowed = field_range(field).removeprefix("any")
        rows[name not in own].append((name, value, field_unit(field), allowed, field.description or "", usual))
    unknown = "a setting that this version of Flawforge does not know"
    rows[0].extend(
        (name, _value(value), "", "", unknown, "") for name, value in recipe.items() if name not in Recipe.model_fields
    )
    return rows


def _value(value: Any) -> str:
    return "not set" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
