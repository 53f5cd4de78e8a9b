"""The trial's numbers as a table: one row for each seed, arm and metric, for whoever wants to reckon again."""

from __future__ import annotations

import csv
import io

from flawforge.runs.trials import TrialRecord

COLUMNS = ("shots", "model", "arm", "seed", "metric", "value")


def trial_csv(record: TrialRecord) -> str:
    """Return the table as CSV with a header; values are shares, written so that they read back exactly."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(COLUMNS)
    for one in record.results:
        for metric, values in one.values.items():
            for seed, value in zip(one.seeds, values, strict=True):
                rows.writerow((one.shots, one.model, one.arm, seed, metric, repr(value)))
    return out.getvalue()
