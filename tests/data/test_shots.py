from __future__ import annotations

import numpy as np
import pytest

from flawforge.core.errors import DataUnusableError
from flawforge.data.shots import draw_shots

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
    with pytest.raises(DataUnusableError, match=r"^--shots is 0;"):
        draw_shots(LABELS, ("a", "b"), GROUPS, 0, 0)
