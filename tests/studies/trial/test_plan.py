"""The lines of a plan, compared whole."""

from __future__ import annotations

from flawforge.studies.trial.plan import duration_line, over_budget, power_line


def test_how_long_it_takes() -> None:
    assert duration_line(10, 7500, 2, 160) == "10 repeats take about 2.1 h with 2 workers (160 cells)."
    assert duration_line(3, 60, 1, 9).endswith(" with 1 worker (9 cells).")


def test_a_budget_that_is_too_short() -> None:
    assert over_budget(5, 3) == ("A budget of 5 minutes is too short for the 3 repeats that a verdict needs at least.")
    assert over_budget(0.5, 2) == "A budget of 0.5 minutes is too short for the 2 repeats."


def test_what_it_could_detect() -> None:
    assert power_line(0.032, 0) == (
        "The trial has 90% power to detect a gain of 3.2 points, based on the usual variation between repeats."
    )
    assert power_line(0.032, 4) == (
        "The trial has 90% power to detect a gain of 3.2 points, based on the 4 repeats that are done."
    )
