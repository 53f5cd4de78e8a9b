"""What counts as a line of code, and what is public and undocumented."""

from __future__ import annotations

from pathlib import Path

import pytest

from size import count, count_module, table

TEXT = '''"""A module,
of two lines."""

# a comment

import os  # this line holds code


class Open:
    value = """not a docstring,

    but a string"""

    def told(self):
        """A docstring."""
        return os.sep  \\
            + "x"

    def untold(self):
        def inner():
            return 1
        return inner

    def _private(self):
        pass


def bare():
    "One line."
'''


def test_blank_lines_comments_and_docstrings_are_no_code() -> None:
    module = count_module(TEXT, "one.py")
    assert module.lines == 29
    assert module.code == 1 + 1 + 3 + 3 + 4 + 2 + 1


def test_the_longest_function_is_named_and_what_is_public_without_a_docstring() -> None:
    module = count_module(TEXT, "one.py")
    assert max(module.functions) == (4, "one.py:untold")
    assert module.undocumented == ("one.py:Open", "one.py:Open.untold")


def test_a_checkout_is_counted_folder_by_folder(tmp_path: Path) -> None:
    package = tmp_path / "src" / "flawforge"
    (package / "core").mkdir(parents=True)
    (package / "__init__.py").write_text('"""Top."""\nx = 1\n')
    (package / "core" / "two.py").write_text("def f():\n    return 2\n\n\n\n")
    (package / "core" / "notes.txt").write_text("no Python\n")
    size = count(tmp_path)
    assert (size.lines, size.all_lines, size.files, size.median_file) == (3, 7, 2, 3.5)
    assert size.folders == {".": 1, "core": 2}
    assert size.largest_file == (5, "core/two.py")
    assert size.undocumented == ("core/two.py", "core/two.py:f")
    assert "public names without docstring             2  core/two.py, core/two.py:f" in table(size)


def test_a_folder_without_the_package_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no Python file"):
        count(tmp_path)
