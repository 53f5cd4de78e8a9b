"""House rule 1: a file is one noun of up to 400 lines, a folder is seen at a glance; no room for odds and ends."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "flawforge"
FILES = sorted(PACKAGE.rglob("*.py"))
LONGEST_FILE = 400
LONGEST_FUNCTION = 60  # lines, without the docstring
WIDEST_FOLDER = 20  # files
ODDS_AND_ENDS = {"utils", "util", "common", "helpers", "helper", "misc", "tools"}


@cache
def trees() -> list[tuple[str, str, ast.Module]]:
    """Return of each file its path below the package, its text and its tree."""
    texts = {file.relative_to(PACKAGE).as_posix(): file.read_text(encoding="utf-8") for file in FILES}
    return [(name, text, ast.parse(text)) for name, text in texts.items()]


def test_a_file_is_one_noun() -> None:
    wrong = []
    for name, text, tree in trees():
        if len(text.splitlines()) > LONGEST_FILE or Path(name).stem in ODDS_AND_ENDS:
            wrong.append(name)
        if not ast.get_docstring(tree):
            wrong.append(f"{name}: a file says in its first line what it holds")
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno is not None
                text_lines = len((ast.get_docstring(node, clean=False) or "").splitlines())
                if node.end_lineno - node.lineno - text_lines >= LONGEST_FUNCTION:
                    wrong.append(f"{name}: {node.name} does not fit on a screen")
    assert not wrong


def test_a_folder_is_seen_at_a_glance() -> None:
    for folder in {file.parent for file in FILES}:
        assert len(list(folder.glob("*.py"))) <= WIDEST_FOLDER, folder


def test_nothing_prints_exits_or_reads_argv_but_the_command_line() -> None:
    wrong = []
    for name, _, tree in trees():
        if name.split("/")[0] in ("cli", "__main__.py"):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                bad = node.func.id in ("print", "input", "exit", "quit")
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "sys":
                bad = node.attr == "exit" or (node.attr == "argv" and Path(name).stem != "versions")
            else:
                continue
            wrong += [f"{name}, line {node.lineno}"] * bad
    assert not wrong


def test_no_error_is_caught_and_forgotten() -> None:
    caught = [
        (name, node) for name, _, tree in trees() for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)
    ]
    assert not [
        f"{name}, line {node.lineno}"
        for name, node in caught
        if node.type is None or all(isinstance(part, ast.Pass) for part in node.body)
    ]


def test_every_room_has_its_tests() -> None:
    rooms = {file.relative_to(PACKAGE).parts[0] for file in FILES if file.parent.name != "flawforge"}
    for room in rooms:
        assert any((ROOT / "tests" / room).rglob("test_*.py")), f"tests/{room} is empty"


def test_nothing_is_pickled() -> None:
    for name, _, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = node.func.value
                named = f"{owner.id if isinstance(owner, ast.Name) else ''}.{node.func.attr}"
                if named == "torch.load" and any(
                    word.arg == "weights_only" and isinstance(word.value, ast.Constant) and word.value.value is True
                    for word in node.keywords
                ):
                    continue  # tensors and nothing else are built; models/efficientnet.py checks the file's hash first
                assert named not in ("torch.save", "torch.load", "pickle.load", "pickle.dump", "np.load"), (
                    f"{name}: {named}"
                )
