"""What stands behind the names in a trial's settings: the recipe as its file says it, and the code of a user's parts.

Two trials with the same names may mean other things by them, after the file was edited. What a trial was begun with is
kept in its bench, and compared when it goes on. Trials of versions that did not keep it go on without the comparison.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from flawforge.core.callables import named_callable
from flawforge.core.settings.recipe import Recipe
from flawforge.core.settings.recipes import recipe as find_recipe
from flawforge.core.settings.trials import TrialSettings

RECIPE, GENERATOR, MODEL = "recipe", "code of generator", "code of model"
IMPORTS = ", or what it imports,"
Contents = dict[str, str]


def named_contents(settings: TrialSettings) -> Contents:
    """Return what each name means now: for the recipe its fields as JSON, for code the SHA-256 of its module's file,
    and of the user's own files that this one imports.

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
        found |= _code(GENERATOR, settings.generator, "--generator")
    for model in settings.models:
        if ":" in model:
            found |= _code(MODEL, model, "model")
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


def _code(key: str, name: str, what: str) -> Contents:
    """Return the SHA-256 of the file that a user's function stands in, empty where Python knows of none; and of the
    user's own files that it imports, where there are any.
    """
    part = inspect.unwrap(named_callable(name, what))
    try:
        file = inspect.getsourcefile(part)
    except TypeError:  # built in, or made at run time
        file = None
    if not (file and Path(file).is_file()):
        return {f"{key} {name}": ""}
    found = {f"{key} {name}": hashlib.sha256(Path(file).read_bytes()).hexdigest()}
    others = _imported(part.__module__, Path(file)) - {Path(file)}
    if others:
        hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(others)]
        found[f"{key} {name}{IMPORTS}"] = hashlib.sha256("".join(hashes).encode()).hexdigest()
    return found


def _imported(module: str, file: Path) -> set[Path]:
    """Return the files that a module imports, and these again: of its package, or beside it where it has none."""
    top = Path(getattr(sys.modules.get(module.partition(".")[0]), "__file__", None) or file)
    if top.name != "__init__.py" and {"site-packages", "dist-packages"} & set(top.parts):
        return {file}  # everything that is installed lies beside it
    found, waiting = set[Path](), [(module, file)]
    while waiting:
        name, path = waiting.pop()
        found.add(path)
        for other in _names(path, name if path.name == "__init__.py" else name.rpartition(".")[0]):
            source = Path(getattr(sys.modules.get(other), "__file__", None) or "")
            if source.suffix == ".py" and top.parent in source.parents and source not in found:
                waiting.append((other, source))
    return found


def _names(file: Path, package: str) -> set[str]:
    """Return the modules that a file imports by name, wherever it does; also names that may be modules."""
    found = set[str]()
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            start = ".".join(filter(None, [*above, node.module or ""]))
            found |= {start, *(f"{start}.{alias.name}" for alias in node.names)}
    return found
