"""A number with its noun."""

from __future__ import annotations

import pytest

from flawforge.core.plural import plural


@pytest.mark.parametrize(("n", "said"), [(0, "0 boxes"), (1, "1 box"), (2, "2 boxes"), (12_800, "12,800 boxes")])
def test_one_alone_is_singular(n: int, said: str) -> None:
    assert plural(n, "box", "boxes") == said
    assert plural(n, "image") == said.replace("boxes", "images").replace("box", "image")
