"""The pages of the documentation site that are not files in docs/: those of the root, and the Python reference.

MkDocs calls `on_files` (mkdocs.yml, `hooks`). README.md becomes the first page; links into docs/ are made to fit. The
Python reference has an entry for each name of `flawforge.__all__`, drawn from its docstring by mkdocstrings.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
FROM_ROOT = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "CHANGELOG.md": "CHANGELOG.md",
    "SECURITY.md": "SECURITY.md",
    "CITATION.cff": "CITATION.cff",
    "LICENSE": "LICENSE.txt",
    "NOTICE": "NOTICE.txt",
}


def on_files(files: Files, config: Any) -> Files:
    """Add the pages."""
    for name, page in FROM_ROOT.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=_moved(text) if name.endswith(".md") else text))
    files.append(File.generated(config, "reference/python.md", content=python_reference()))
    return files


def _moved(text: str) -> str:
    """Make the links of a page of the root fit the site, whose root is docs/."""
    text = re.sub(r"\]\(docs/", "](", text)
    text = re.sub(r"\]\(README\.md", "](index.md", text)
    return re.sub(r"\]\((LICENSE|NOTICE)\)", r"](\1.txt)", text)


def python_reference() -> str:
    """Return the page of all public names."""
    purpose = (
        "This page describes each name of `import flawforge`: the commands as functions, and what they take and return."
    )
    return "\n\n".join(["# Python", purpose, *(f"::: flawforge.{name}" for name in public_names())]) + "\n"


def public_names() -> list[str]:
    """Return `flawforge.__all__`, read without importing the package."""
    tree = ast.parse((ROOT / "src" / "flawforge" / "__init__.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == "__all__":
            return list(ast.literal_eval(node.value))
    raise ValueError("src/flawforge/__init__.py assigns no __all__.")
