"""Run lengths: packed and not, as pycocotools has them, and damaged ones that no library may see; mask images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco_mask

from flawforge.data.regions import MaskImage, RunLengths, as_runs, checked_runs, draw_region, expand_runs, settle_mask


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


# mask images


def spot() -> NDArray[np.bool_]:
    rows, columns = np.ogrid[:60, :80]
    return np.asarray((rows - 30) ** 2 + (columns - 40) ** 2 < 144)


def kept(tmp_path: Path, pixels: NDArray[Any], name: str = "a.png", **options: Any) -> MaskImage:
    Image.fromarray(pixels).save(tmp_path / name, **options)
    return MaskImage(name)


@pytest.mark.parametrize(
    ("low", "high", "name", "options"),
    [
        (0, 255, "a.png", {}),
        (0, 1, "a.png", {}),
        (0, 240, "a.bmp", {}),
        (100, 102, "a.png", {}),
        (0, 255, "a.jpg", {"quality": 60}),
        (20, 230, "a.jpg", {"quality": 40}),
        (0, 255, "a.webp", {"quality": 60}),
    ],
)
def test_two_levels_are_cut_in_the_middle(tmp_path: Path, low: int, high: int, name: str, options: Any) -> None:
    mask = kept(tmp_path, np.where(spot(), high, low).astype(np.uint8), name, **options)
    settled, share = settle_mask(mask, tmp_path)
    assert settled is not None
    drawn = draw_region(settled, 60, 80, tmp_path)
    assert abs(int(drawn.sum()) - int(spot().sum())) <= 0.05 * spot().sum()
    assert share == drawn.mean()
    if not options:
        np.testing.assert_array_equal(drawn, spot())


def test_a_mask_in_colour_is_read_from_jpeg(tmp_path: Path) -> None:
    for number, colour in enumerate(((255, 0, 0), (0, 0, 255), (250, 50, 83))):
        mask = kept(tmp_path, spot()[..., None] * np.array(colour, np.uint8), f"{number}.jpg", quality=70)
        settled, share = settle_mask(mask, tmp_path)
        assert settled is not None
        assert abs(share - spot().mean()) < 0.05 * spot().mean()


def test_several_levels_are_marked_but_the_lowest(tmp_path: Path) -> None:
    pixels = np.zeros((60, 80), np.uint8)
    pixels[10:20, 10:20], pixels[30:40, 10:20] = 3, 9
    settled, _ = settle_mask(kept(tmp_path, pixels), tmp_path)
    assert settled is not None
    np.testing.assert_array_equal(draw_region(settled, 60, 80, tmp_path), pixels > 0)


@pytest.mark.parametrize(("value", "name"), [(0, "a.png"), (0, "a.jpg"), (9, "a.jpg")])
def test_a_mask_of_one_dark_level_marks_nothing(tmp_path: Path, value: int, name: str) -> None:
    assert settle_mask(kept(tmp_path, np.full((60, 80), value, np.uint8), name), tmp_path) == (None, 0)


@pytest.mark.parametrize(("value", "name"), [(1, "a.png"), (255, "a.png"), (255, "a.jpg")])
def test_a_mask_of_one_other_level_marks_all(tmp_path: Path, value: int, name: str) -> None:
    settled, share = settle_mask(kept(tmp_path, np.full((60, 80), value, np.uint8), name), tmp_path)
    assert (settled is not None, share) == (True, 1)


def test_an_inverted_mask_is_turned_where_that_is_said(tmp_path: Path) -> None:
    mask = kept(tmp_path, ~spot() * np.uint8(255))
    assert settle_mask(mask, tmp_path)[1] > 0.9
    settled, share = settle_mask(replace(mask, inverted=True), tmp_path)
    assert settled is not None
    assert share < 0.1
    np.testing.assert_array_equal(draw_region(settled, 60, 80, tmp_path), spot())


def test_values_of_classes_stay(tmp_path: Path) -> None:
    pixels = spot() * np.uint8(2)
    mask = replace(kept(tmp_path, pixels), values=(2,))
    assert settle_mask(mask, tmp_path) == (mask, spot().mean())
    assert settle_mask(replace(mask, values=(1,)), tmp_path) == (None, 0)


def test_a_mask_of_another_size_is_scaled(tmp_path: Path) -> None:
    settled, _ = settle_mask(kept(tmp_path, spot() * np.uint8(255)), tmp_path)
    assert settled is not None
    drawn = draw_region(settled, 120, 160, tmp_path)
    np.testing.assert_array_equal(drawn[::2, ::2], spot())
