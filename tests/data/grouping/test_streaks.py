from __future__ import annotations

import numpy as np
import pytest

from flawforge.data.grouping import streaks
from flawforge.data.grouping.keypoints import flatten
from flawforge.data.grouping.streaks import find_profile, nearest_profiles, same_grain

from .material import photographed, streak, texture


def crop(picture: int, y: int, x: int = 0, *, grain: float = 4.0) -> np.ndarray:
    image = streak(700 + picture, grain=grain)[y : y + 128, x : x + 112]
    return flatten(photographed(image, 9000 + 300 * picture + y + x))


def test_a_profile_runs_across_the_streak_and_only_streaks_have_one():
    flat = crop(1, 0)
    assert (find_profile(flat).along, len(find_profile(flat).values)) == (0, 112)
    assert (find_profile(flat.T).along, len(find_profile(flat.T).values)) == (1, 112)
    assert find_profile(flatten(texture(1, 128, 128))) is None
    assert find_profile(np.zeros((128, 128), np.float32)) is None
    assert find_profile(flat[:, :10]) is None


def test_nearest_profiles_know_how_far_across_they_lie_and_pass_over_groups_turns_and_other_sizes():
    flats = [crop(1, 0, 9), crop(2, 50), crop(3, 80), crop(4, 0)[:, :100], crop(5, 0).T, crop(6, 0)[:100]]
    profiles = {2 * number: find_profile(flat) for number, flat in enumerate(flats)}
    near = nearest_profiles(profiles, np.array([0, 1, 2, 3, 2, 5, 6, 7, 8, 9, 10]))
    assert {(a, b): across for _, a, b, across in near} == {(0, 2): -9, (0, 4): -9, (0, 10): -9, (2, 10): 0, (4, 10): 0}
    assert [alike for alike, *_ in near] == sorted((alike for alike, *_ in near), reverse=True)


def test_profiles_in_blocks_are_the_same(monkeypatch):
    profiles = {number: find_profile(crop(number, 0)) for number in range(7)}
    whole = nearest_profiles(profiles, np.arange(7))
    monkeypatch.setattr(streaks, "ROWS", 2)
    parts = nearest_profiles(profiles, np.arange(7))
    assert [row[1:] for row in sorted(parts, key=lambda row: row[1:])] == [
        row[1:] for row in sorted(whole, key=lambda row: row[1:])
    ]


@pytest.mark.parametrize("step", [-70, -12, 0, 31, 70])
def test_the_same_grain_agrees_at_any_shift_and_other_grain_at_none(step):
    first, second = crop(1, 70, 4), crop(1, 70 + step, 1)
    assert same_grain(first, second, -3)
    assert same_grain(first, second, -4)
    assert same_grain(first, second[10:], -2)
    assert not same_grain(first, crop(2, 70 + step, 1), -3)


def framed(seed: int, top: int) -> np.ndarray:
    """An object of one make: bars at the same places across the streak, and material of its own below them."""
    image = streak(seed, grain=4)[:128].copy()
    for row in (12, 27, 40, 58, 71, 83, 98):
        image[row + top : row + top + 3] += 60
    return flatten(photographed(image, 9000 + seed))


@pytest.mark.parametrize("top", [0, 5])
def test_bars_that_all_objects_have_at_one_place_prove_nothing(top):
    assert not same_grain(framed(1, 0), framed(2, top), 0)


def test_flat_images_have_no_grain():
    flat = np.zeros((64, 64), np.float32)
    assert not same_grain(flat, flat, 0)


@pytest.mark.parametrize("side", [16, 17, 22])
def test_where_there_is_no_other_shift_to_compare_with_nothing_is_found(side):
    """Images of 16 pixels once ended in an error of NumPy."""
    image = crop(1, 0)[:side, :side]
    assert not same_grain(image, image, 0)
