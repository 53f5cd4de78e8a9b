from __future__ import annotations

import numpy as np
import pytest

from flawforge.core.errors import DataUnusableError, SettingError
from flawforge.data.grouping.shots import check_shots, draw_shots

LABELS = np.repeat([0, 1], 12)
GROUPS = np.concatenate([np.repeat(np.arange(4), 3), 10 + np.arange(12)])


@pytest.mark.parametrize("seed", range(5))
def test_each_group_gives_one_before_any_gives_two(seed: int) -> None:
    chosen = np.array(draw_shots(LABELS, ("a", "b"), GROUPS, 6, seed))
    of_a = chosen[LABELS[chosen] == 0]
    assert len(of_a) == 6
    assert np.bincount(GROUPS[of_a]).max() == 2
    assert len(np.unique(GROUPS[of_a])) == 4


def test_more_shots_hold_the_fewer_and_other_seeds_draw_others() -> None:
    few, more = (set(draw_shots(LABELS, ("a", "b"), GROUPS, shots, 0)) for shots in (3, 5))
    assert few < more
    assert any(set(draw_shots(LABELS, ("a", "b"), GROUPS, 3, seed)) != few for seed in range(1, 4))


def test_a_class_draws_the_same_whatever_other_classes_there_are() -> None:
    both = [i for i in draw_shots(LABELS, ("a", "b"), GROUPS, 5, 0) if LABELS[i] == 1]
    alone = draw_shots(LABELS[12:] - 1, ("b",), GROUPS[12:], 5, 0)
    assert both == [i + 12 for i in alone]


def test_no_shots_are_refused() -> None:
    with pytest.raises(SettingError, match=r"^--shots is 0;"):
        draw_shots(LABELS, ("a", "b"), GROUPS, 0, 0)


def test_more_shots_than_any_class_has_are_refused() -> None:
    """1,000 of 40 were once taken for 40 without a word; a rare class beside a larger one gives all it has."""
    check_shots({"a": 40, "b": 3}, 40)
    check_shots({"a": 40}, None)
    with pytest.raises(DataUnusableError) as caught:
        check_shots({"a": 40, "b": 50}, 1000)
    assert str(caught.value) == (
        "--shots is 1000, and no class has so many images: the largest, 'b', has 50. Ask for 50 or fewer, or leave "
        "--shots out to take all."
    )
    with pytest.raises(DataUnusableError, match="class 'a' has 40. Ask for 40 or fewer"):
        check_shots({"a": 40}, 41)
