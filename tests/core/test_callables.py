"""A user's own function by name."""

from __future__ import annotations

import math

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
        ("math:pi", "which is no function but float"),
    ],
)
def test_what_is_no_function_is_refused_with_the_setting_it_was_given_in(name: str, told: str) -> None:
    with pytest.raises(SettingError) as refused:
        named_callable(name, "--generator")
    assert told in str(refused.value)
