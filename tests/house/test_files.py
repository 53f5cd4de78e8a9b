"""House rule 1: a file is one noun of up to 400 lines, a folder is seen at a glance; no room for odds and ends."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "src" / "flawforge").rglob("*.py"))
LONGEST_FILE = 400
LONGEST_FUNCTION = 60  # lines, without the docstring
WIDEST_FOLDER = 20  # files
ODDS_AND_ENDS = {"utils", "util", "common", "helpers", "helper", "misc", "tools"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT / "src" / "flawforge")))
def test_a_file_is_one_noun(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST_FILE
    assert file.stem not in ODDS_AND_ENDS
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "a file says in its first line what it holds"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno is not None
            text_lines = len((ast.get_docstring(node, clean=False) or "").splitlines())
            assert node.end_lineno - node.lineno - text_lines < LONGEST_FUNCTION, (
                f"{node.name} does not fit on a screen"
            )


def test_a_folder_is_seen_at_a_glance() -> None:
    for folder in {file.parent for file in FILES}:
        assert len(list(folder.glob("*.py"))) <= WIDEST_FOLDER, folder


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT / "src" / "flawforge")))
def test_nothing_prints_exits_or_reads_argv_but_the_command_line(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    room = file.relative_to(ROOT / "src" / "flawforge").parts[0]
    if room in ("cli", "__main__.py"):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("print", "input", "exit", "quit"), f"line {node.lineno}"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "sys":
            assert node.attr != "exit", f"line {node.lineno}"
            assert node.attr != "argv" or file.stem == "versions", f"line {node.lineno}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT / "src" / "flawforge")))
def test_no_error_is_caught_and_forgotten(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"line {node.lineno}: a bare except"
            assert not all(isinstance(part, ast.Pass) for part in node.body), (
                f"line {node.lineno}: caught and forgotten"
            )


def test_every_room_has_its_tests() -> None:
    rooms = {file.relative_to(ROOT / "src" / "flawforge").parts[0] for file in FILES if file.parent.name != "flawforge"}
    for room in rooms:
        assert any((ROOT / "tests" / room).rglob("test_*.py")), f"tests/{room} is empty"


def test_nothing_is_pickled() -> None:
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = node.func.value
                named = f"{owner.id if isinstance(owner, ast.Name) else ''}.{node.func.attr}"
                if named == "torch.load" and any(
                    word.arg == "weights_only" and isinstance(word.value, ast.Constant) and word.value.value is True
                    for word in node.keywords
                ):
                    continue  # tensors and nothing else are built; models/efficientnet.py checks the file's hash first
                assert named not in ("torch.save", "torch.load", "pickle.load", "pickle.dump", "np.load"), (
                    f"{file}: {named}"
                )
