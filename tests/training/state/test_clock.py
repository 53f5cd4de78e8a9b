from __future__ import annotations

import time

import pytest

from flawforge.training.state import clock as clock_file
from flawforge.training.state.clock import Clock


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    return now


def test_seconds_count_over_sessions(at: list[float]) -> None:
    clock = Clock()
    clock.start_from(50)
    at[0] += 3
    assert clock.seconds == 53


def test_a_checkpoint_is_due_by_time_and_a_slow_disk_stretches_it(at: list[float]) -> None:
    clock = Clock()
    at[0] += 59
    assert not clock.checkpoint_due(60)
    at[0] += 1
    assert clock.checkpoint_due(60)
    with clock.saving():
        at[0] += 10
    at[0] += 60
    assert not clock.checkpoint_due(60)
    at[0] += clock_file.SHARE * 10 - 60
    assert clock.checkpoint_due(60)
