"""The bench of a trial on the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from flawforge.core.errors import RunNotFoundError
from flawforge.studies.trial.setup.bench import load_bench


def test_a_folder_that_is_no_trial_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        RunNotFoundError, match="is no trial: it is empty. A trial is made by: flawforge trial DATA --out"
    ):
        load_bench(tmp_path)
