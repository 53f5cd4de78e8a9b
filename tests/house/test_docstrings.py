"""Public functions say what they take, return and raise."""

from __future__ import annotations

import inspect

import pytest

import flawforge

NAMES = [name for name in flawforge.__all__ if name != "show_progress"]  # a switch, no verb
VERBS = [getattr(flawforge, name) for name in NAMES if inspect.isfunction(getattr(flawforge, name))]


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.__name__)
def test_every_argument_of_a_verb_is_explained(verb: object) -> None:
    text = inspect.getdoc(verb) or ""
    assert "Args:" in text
    for name in inspect.signature(verb).parameters:  # type: ignore[arg-type]
        assert f"{name}:" in text, name
    assert "Raises:" in text
