"""The bookkeeping of the server's load: no real load is given here."""

from __future__ import annotations

import pytest

from serve_load import Step, growth, table


def step(clients: int, memory: float, server: int = 1) -> Step:
    return Step(clients, 10, {"200": 3, "429": 1}, 0.5, 1.25, memory, server)


def test_memory_is_compared_with_the_first_step_of_the_same_server() -> None:
    assert growth([]) == 1
    assert growth([step(1, 200), step(2, 220), step(4, 210)]) == pytest.approx(1.1)
    assert growth([step(1, 200), step(2, 300, 2), step(4, 306, 2)]) == pytest.approx(1.02)


def test_the_table_has_a_row_a_step() -> None:
    told = table([step(1, 200), step(2, 230)])
    assert "| 2 | 200: 3, 429: 1 | 0.50 | 1.25 | 230 |" in told
    assert "factor of 1.150 at most (flat: below 1.05)" in told
