"""A class or function of a module has a name that no other one has, so that a reader finds the one that is meant."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "flawforge"
VERBS = {path.stem for path in (PACKAGE / "cli").rglob("*.py")}  # a command and its function have one name


def test_public_classes_and_functions_have_a_name_of_their_own() -> None:
    places: defaultdict[str, list[str]] = defaultdict(list)
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
                places[node.name].append(file.relative_to(PACKAGE).as_posix())
    twice = {name: files for name, files in places.items() if len(files) > 1 and name not in VERBS}
    assert twice == {}
