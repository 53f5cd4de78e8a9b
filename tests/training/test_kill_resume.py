from __future__ import annotations

from pathlib import Path

import pytest

from kill_resume import kill_and_resume


@pytest.mark.slow
def test_a_process_that_is_killed_20_times_ends_with_the_same_bits(tmp_path: Path) -> None:
    result = kill_and_resume(20, tmp_path)
    assert result.kills == 20
    assert result.in_writing >= 3  # ten were aimed at the writing of a checkpoint
    assert result.equal
    assert result.history_equal
