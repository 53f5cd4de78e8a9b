from __future__ import annotations

from pathlib import Path

import pytest

from kill_resume import kill_and_resume


@pytest.mark.parametrize(
    ("kills", "cut", "kimg"),
    [
        pytest.param(4, 1, 1.2, marks=pytest.mark.slow),
        pytest.param(100, 15, None, marks=[pytest.mark.nightly, pytest.mark.timeout(3600)]),
    ],
)
def test_a_process_that_is_killed_many_times_ends_with_the_same_bits(
    tmp_path: Path, kills: int, cut: int, kimg: float | None
) -> None:
    """Half of the kills are aimed at the writing of a checkpoint; at least `cut` of them must have cut one."""
    result = kill_and_resume(kills, tmp_path, kimg=kimg)
    assert result.kills == kills
    assert result.in_writing >= cut
    assert result.equal
    assert result.history_equal
