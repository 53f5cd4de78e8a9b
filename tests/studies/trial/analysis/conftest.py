"""A simulated trial with a planted gain of 5 points, which the tests of the analysis share."""

from __future__ import annotations

import pytest

from flawforge.studies.trial.analysis.evidence import Evidence
from trial_calibration import World, simulate


@pytest.fixture(scope="session")
def helped() -> Evidence:
    return simulate(World(images=420, pieces=300, classes=3, gain=0.05), 8, 3)
