"""Does it help? A controlled experiment: setup, cells, execution, analysis; planned by `plan`, done by `run`."""

from __future__ import annotations

from flawforge.studies.trial.run import plan_trial, trial
from flawforge.studies.trial.setup.bench import load_bench

__all__ = ["load_bench", "plan_trial", "trial"]
