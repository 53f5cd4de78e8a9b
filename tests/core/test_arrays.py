"""Names for arrays: each says its element type, which mypy holds every room to."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest

from flawforge.core import arrays


@pytest.mark.parametrize(
    ("name", "element"),
    [("Ints", np.int64), ("Floats", np.float64), ("Floats32", np.float32), ("Bools", np.bool_), ("Bytes", np.uint8)],
)
def test_a_name_says_its_element_type(name: str, element: type) -> None:
    shape, dtype = get_args(getattr(arrays, name))
    assert get_args(dtype) == (element,)
    assert get_args(shape)[0] in (Any, int)  # of any shape


def test_arrays_are_kept_by_name() -> None:
    key, value = get_args(arrays.Arrays)
    assert key is str
    assert get_args(get_args(value)[1]) == (Any,)
