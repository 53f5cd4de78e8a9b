"""A user's own function by name."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from flawforge.core.callables import named_callable
from flawforge.core.errors import SettingError


def test_a_function_is_found_by_its_module_and_name() -> None:
    assert named_callable("math:hypot", "--generator") is math.hypot


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("no_such_module:make", "--generator is 'no_such_module:make', but No module named 'no_such_module'"),
        ("math:no_such_name", "has no attribute 'no_such_name'"),
        ("math", "It is written module:function"),
        (":make", "Empty module name"),
        ("../line3:make", "It is written module:function"),
        ("math:pi", "which is no function but float"),
    ],
)
def test_what_is_no_function_is_refused_with_the_setting_it_was_given_in(name: str, told: str) -> None:
    with pytest.raises(SettingError) as refused:
        named_callable(name, "--generator")
    assert told in str(refused.value)


def test_a_module_that_fails_while_it_is_imported_is_named_with_the_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "unplugged_line.py").write_text("camera = {}\ncamera['port']\n")
    (tmp_path / "half_written_line.py").write_text("def look(:\n")
    monkeypatch.syspath_prepend(tmp_path)
    for module, told in (("unplugged_line", "KeyError"), ("half_written_line", "SyntaxError")):
        with pytest.raises(SettingError, match=told):
            named_callable(f"{module}:look", "--inspector")
