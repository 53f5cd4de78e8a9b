"""Count how large the package is: code lines, files, the longest function, public names without a docstring.

A code line holds code: it is not blank, not a comment alone and not part of a docstring. Another checkout, such as a
git worktree of an earlier commit, is counted by naming its folder.

    python benchmarks/size.py [CHECKOUT] [--json FILE]
"""

from __future__ import annotations

import argparse
import ast
import io
import statistics
import tokenize
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from machine import keep

NO_CODE = (
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
)
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One Python file, counted.

    Attributes:
        name: its path below src/flawforge.
        lines: all lines.
        code: code lines.
        functions: (lines, name) of each function and method, its decorators left out.
        undocumented: public modules, classes, functions and methods without a docstring.
    """

    name: str
    lines: int
    code: int
    functions: tuple[tuple[int, str], ...]
    undocumented: tuple[str, ...]


@dataclass(frozen=True)
class Size:
    """A package, counted.

    Attributes:
        lines: code lines.
        all_lines: all lines.
        files: Python files.
        median_file: lines of the middle file, all of them counted.
        largest_file: (lines, name).
        longest_function: (lines, name).
        undocumented: public names without a docstring.
        folders: code lines of each folder below src/flawforge; "." is that folder's own files.
    """

    lines: int
    all_lines: int
    files: int
    median_file: float
    largest_file: tuple[int, str]
    longest_function: tuple[int, str]
    undocumented: tuple[str, ...]
    folders: dict[str, int]


def count_module(text: str, name: str) -> Module:
    """Count one file.

    Args:
        text: its content.
        name: its path below src/flawforge, with forward slashes.

    Raises:
        SyntaxError: the content is not Python.
    """
    tree = ast.parse(text)
    code: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in NO_CODE:
            code.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(tree):
        if isinstance(node, Documented) and ast.get_docstring(node) is not None:
            code.difference_update(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    functions = tuple(
        ((node.end_lineno or 0) - node.lineno + 1, f"{name}:{node.name}")
        for node in ast.walk(tree)
        if isinstance(node, Function)
    )
    return Module(name, len(text.splitlines()), len(code), functions, tuple(_undocumented(tree, name)))


def _undocumented(node: Documented, name: str) -> Iterator[str]:
    if ast.get_docstring(node) is None:
        yield name
    if isinstance(node, Function):  # what a function defines inside is not public
        return
    for child in node.body:
        if isinstance(child, ast.ClassDef | Function) and not child.name.startswith("_"):
            yield from _undocumented(
                child, f"{name}:{child.name}" if isinstance(node, ast.Module) else f"{name}.{child.name}"
            )


def count(checkout: Path) -> Size:
    """Count the package of a checkout.

    Args:
        checkout: the folder that holds src/flawforge.

    Raises:
        FileNotFoundError: it holds no Python file there.
    """
    package = checkout / "src" / "flawforge"
    modules = [
        count_module(file.read_text(encoding="utf-8"), file.relative_to(package).as_posix())
        for file in sorted(package.rglob("*.py"))
    ]
    if not modules:
        raise FileNotFoundError(f"{package} holds no Python file: name the folder of a checkout of Flawforge.")
    folders: dict[str, int] = {}
    for module in modules:
        folder = module.name.rpartition("/")[0] or "."
        folders[folder] = folders.get(folder, 0) + module.code
    return Size(
        lines=sum(module.code for module in modules),
        all_lines=sum(module.lines for module in modules),
        files=len(modules),
        median_file=statistics.median(module.lines for module in modules),
        largest_file=max((module.lines, module.name) for module in modules),
        longest_function=max(function for module in modules for function in module.functions),
        undocumented=tuple(name for module in modules for name in module.undocumented),
        folders=folders,
    )


def table(size: Size) -> str:
    """Return the numbers, one a line, and the code lines of each folder."""
    rows: list[tuple[str, object, str]] = [
        ("code lines", size.lines, ""),
        ("all lines", size.all_lines, ""),
        ("files", size.files, ""),
        ("median file, lines", f"{size.median_file:g}", ""),
        ("largest file, lines", *size.largest_file),
        ("longest function, lines", *size.longest_function),
        ("public names without docstring", len(size.undocumented), ", ".join(size.undocumented[:5])),
        *((f"code lines of {folder}", lines, "") for folder, lines in sorted(size.folders.items())),
    ]
    return "\n".join(f"{name:<36} {number:>7}  {where}".rstrip() for name, number, where in rows)


def main() -> None:
    """Run the count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", nargs="?", type=Path, default=Path(__file__).resolve().parents[1])
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    size = count(args.checkout)
    print(table(size))
    keep(args.json, asdict(size))
    print(f"figure: lines {size.lines}")


if __name__ == "__main__":
    main()
