from __future__ import annotations

import builtins
import inspect
import re

import pytest

from flawforge.core import errors

LEAVES = [
    leaf
    for _, leaf in inspect.getmembers(errors, inspect.isclass)
    if issubclass(leaf, errors.FlawforgeError) and leaf is not errors.FlawforgeError
]


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.__name__)
def test_each_leaf_is_also_a_built_in_error(leaf: type[Exception]) -> None:
    own = [base for base in leaf.__mro__ if getattr(builtins, base.__name__, None) is base]
    assert set(own) - {Exception, BaseException, object}


def test_the_tree_in_the_file_names_every_leaf_with_its_built_in() -> None:
    drawn = dict(re.findall(r"── (\w+)\s+(?:\((\w+)\))?", errors.__doc__ or ""))
    assert drawn == {leaf.__name__: leaf.__bases__[1].__name__ if len(leaf.__bases__) > 1 else "" for leaf in LEAVES}


def test_a_message_survives_being_raised() -> None:
    own = {
        errors.ExtraMissingError: (("Cats", "x"), "Cats needs the extra 'x'"),
        errors.ImageBrokenError: (("a.png", "is empty"), "a.png: is empty"),
    }
    for leaf in LEAVES:
        arguments, message = own.get(leaf, (("plain words",), "plain words"))
        assert str(leaf(*arguments)).startswith(message)


def test_did_you_mean() -> None:
    assert errors.did_you_mean("scratchs", ["crazing", "scratches"]) == " Did you mean 'scratches'?"
    assert errors.did_you_mean("zebra", ["crazing", "scratches"]) == ""
