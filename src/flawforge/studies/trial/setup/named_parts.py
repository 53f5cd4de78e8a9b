"""What stands behind the names in a trial's settings: the recipe as its file says it, and the code of a user's parts.

Two trials with the same names may mean other things by them, after the file was edited. What a trial was begun with is
kept in its bench, and compared when it goes on. Trials of versions that did not keep it go on without the comparison.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Mapping
from pathlib import Path

from flawforge.core.callables import named_callable
from flawforge.core.settings.recipes import Recipe
from flawforge.core.settings.recipes import recipe as find_recipe
from flawforge.core.settings.trials import TrialSettings

RECIPE, GENERATOR, MODEL = "recipe", "code of generator", "code of model"
Contents = dict[str, str]


def named_contents(settings: TrialSettings) -> Contents:
    """Return what each name means now: for the recipe its fields as JSON, for code the SHA-256 of its module's file.

    Fields with the default of all recipes are left out, so that later versions may have more of them.

    Raises:
        SettingError: there is no such recipe, module or function.
    """
    found: Contents = {}
    if settings.generator is None:
        usual = {name: field.default for name, field in Recipe.model_fields.items()}
        own = {name: value for name, value in find_recipe(settings.recipe).dump().items() if value != usual[name]}
        found[RECIPE] = json.dumps(own, sort_keys=True)
    else:
        found[f"{GENERATOR} {settings.generator}"] = _code(settings.generator, "--generator")
    for model in settings.models:
        if ":" in model:
            found[f"{MODEL} {model}"] = _code(model, "model")
    return found


def changed_contents(before: Mapping[str, str], now: Contents) -> list[str]:
    """Return what differs, in words; a name that was not recorded is not compared."""
    changed = []
    for key in sorted(now.keys() & before.keys()):
        if before[key] == now[key]:
            continue
        if key != RECIPE:
            changed.append(f"the {key} has changed")
            continue
        usual = {name: field.default for name, field in Recipe.model_fields.items()}
        sides = [{**usual, **json.loads(values[key])} for values in (before, now)]
        names = [name for name in sides[1] if sides[0].get(name) != sides[1][name]]
        told = [f"{name} {sides[0].get(name)} -> {sides[1][name]}" for name in names]
        changed.append(f"the recipe's {', '.join(told)}")
    return changed


def _code(name: str, what: str) -> str:
    """Return the SHA-256 of the file that a user's function stands in; empty where Python knows of none."""
    part = inspect.unwrap(named_callable(name, what))
    try:
        file = inspect.getsourcefile(part)
    except TypeError:  # built in, or made at run time
        file = None
    return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file and Path(file).is_file() else ""
