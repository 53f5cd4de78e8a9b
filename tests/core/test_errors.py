from __future__ import annotations

import builtins
import inspect
import re
from pathlib import Path

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


@pytest.mark.parametrize(
    ("typed", "called"),
    [
        ("--minutes is 0. Add --resume, or another --out.", "minutes is 0. Add resume=True, or another out."),
        ("-n is 0; give --held-out DIR.", "n is 0; give held_out DIR."),
        ("Make it with: flawforge generate RUN -n 64 --out x", "Make it with: flawforge generate RUN -n 64 --out x"),
        ("Use: flawforge audit a --data b. Or --novel", "Use: flawforge audit a --data b. Or novel=True"),
    ],
)
def test_in_python_a_message_speaks_of_arguments(monkeypatch: pytest.MonkeyPatch, typed: str, called: str) -> None:
    assert str(errors.SettingError(typed)) == typed
    monkeypatch.setattr(errors, "_speaks_of_options", False)
    assert str(errors.SettingError(typed)) == called
    assert str(errors.DiskFullError(typed)) == called


def test_did_you_mean() -> None:
    assert errors.did_you_mean("scratchs", ["crazing", "scratches"]) == " Did you mean 'scratches'?"
    assert errors.did_you_mean("zebra", ["crazing", "scratches"]) == ""
    assert errors.did_you_mean(Path("scratchs"), ["crazing", "scratches"]) == " Did you mean 'scratches'?"  # type: ignore[arg-type]
