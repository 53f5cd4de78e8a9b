"""Run lengths: packed and not, as pycocotools has them, and damaged ones that no library may see."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from flawforge.data.regions import RunLengths, as_runs, checked_runs, expand_runs


@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(1, 40), st.sampled_from([0.0, 0.02, 0.5, 0.98, 1.0]))
def test_packed_run_lengths_are_those_of_pycocotools(seed: int, height: int, width: int, share: float) -> None:
    pixels = np.random.default_rng(seed).random((height, width)) < share
    packed = coco_mask.encode(np.asfortranarray(pixels, dtype=np.uint8))
    runs = checked_runs(packed["counts"].decode(), packed["size"])
    assert np.array_equal(expand_runs(runs), pixels)
    assert runs == as_runs(pixels)
    assert checked_runs(list(runs.counts), [height, width]) == runs


def test_long_runs_take_several_letters() -> None:
    pixels = np.zeros((3000, 4000), np.uint8, order="F")
    pixels[:, 1500:1503] = 1
    packed = coco_mask.encode(pixels)
    assert checked_runs(packed["counts"].decode(), [3000, 4000]).counts == (4_500_000, 9000, 7_491_000)


@pytest.mark.parametrize(
    ("counts", "size", "why"),
    [
        ([5, 5], [2, 6], "its run lengths sum up to 10, not to 2 * 6"),
        ([-1, 13], [2, 6], "a run length is negative"),
        ([6, 6.0], [2, 6], "its run lengths are not whole numbers"),
        ([True, 11], [2, 6], "its run lengths are not whole numbers"),
        ({}, [2, 6], "its run lengths are not whole numbers"),
        ([], [2, 6], "its run lengths sum up to 0, not to 2 * 6"),
        ([12], [2], "its size is not two whole numbers"),
        ([12], None, "its size is not two whole numbers"),
        ([12], [2.0, 6], "its size is not two whole numbers"),
        ([0], [0, 6], "its size 0x6 is that of no picture"),
        ([10**12], [10**6, 10**6], "its size 1000000x1000000 is that of no picture"),
        ("", [2, 6], "its packed run lengths are damaged"),
        ("é", [2, 6], "its packed run lengths are damaged"),
        (" ", [2, 6], "its packed run lengths are damaged"),
        ("~", [2, 6], "its packed run lengths are damaged"),
        ("P", [2, 6], "its packed run lengths are damaged"),
        ("o" * 9 + "0", [2, 6], "its packed run lengths are damaged"),
        ("O<", [2, 6], "a run length is negative"),
        ("oooooo0", [2, 6], f"its run lengths sum up to {2**30 - 1}, not to 2 * 6"),
    ],
)
def test_damaged_run_lengths_are_refused(counts: object, size: object, why: str) -> None:
    with pytest.raises(ValueError, match="damaged|size|run length") as caught:
        checked_runs(counts, size)
    assert str(caught.value) == why


@given(st.text(st.characters(min_codepoint=40, max_codepoint=120), max_size=30))
def test_any_text_is_run_lengths_or_refused(text: str) -> None:
    try:
        assert isinstance(checked_runs(text, [3, 4]), RunLengths)
    except ValueError as error:
        assert str(error)  # noqa: PT017
