"""Draw the learning curves of a trial that was run: arms against real images a class, and the gain with its interval.

    flawforge trial DATA --out TRIAL --shots 3,5,10,20 --seeds 10 ...
    python benchmarks/trial_picture.py TRIAL [TRIAL ...] --picture FILE

A row for each trial and model: on the left the arms (bands: 95 %, over seeds and pieces of material), on the right the
gain of the arm that counts over the best arm without generated images, a small dot for each repeat.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from flawforge.core.arms import uses_generated
from flawforge.runs.trials import TrialRecord, read_trial

GENERATED, REAL, QUIET = "#c0562f", "#1f6f8b", "#999999"


def curves(axis: Any, record: TrialRecord, model: str, name: str) -> None:
    """Draw the arms of one model."""
    rows = [one for one in record.results if one.model == model]
    counted = {one.arm for one in record.comparisons if one.primary} | {one.control for one in record.comparisons}
    for arm in dict.fromkeys(one.arm for one in rows):
        mine = sorted((one for one in rows if one.arm == arm), key=lambda one: one.shots)
        found = [(one.shots, one.metrics[record.protocol.metric]) for one in mine]
        points = [
            (shots, 100 * e.value, e.low or e.value, e.high or e.value) for shots, e in found if e.value is not None
        ]
        colour = (GENERATED if uses_generated(arm) else REAL) if arm in counted else QUIET
        shots, values = [point[0] for point in points], [point[1] for point in points]
        axis.plot(shots, values, marker="o", ms=4, color=colour, ls="-" if arm in counted else "--", label=arm)
        if arm in counted:
            low, high = ([100 * point[place] for point in points] for place in (2, 3))
            axis.fill_between(shots, low, high, color=colour, alpha=0.12, lw=0)
    axis.set_ylabel(f"{record.protocol.metric}, %")
    axis.legend(fontsize=8)
    axis.set_title(f"{name}, {model}", fontsize=10)


def gains(axis: Any, record: TrialRecord, model: str) -> None:
    """Draw the gain of the arm that counts, at each number of shots."""
    axis.axhline(0, color=QUIET, lw=1)
    for one in record.comparisons:
        if one.model != model or not one.primary or one.gain.value is None:
            continue
        axis.scatter([one.shots] * len(one.differences), [100 * d for d in one.differences], s=9, color=QUIET)
        value, low, high = (100 * (v or 0.0) for v in (one.gain.value, one.gain.low, one.gain.high))
        axis.errorbar([one.shots], [value], [[value - low], [high - value]], fmt="o", ms=5, capsize=4, color=GENERATED)
    axis.set_ylabel("gain over the best control, points")
    axis.set_title("a dot for each repeat; bar: 95 % interval", fontsize=10)


def main() -> None:
    """Draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trials", nargs="+", type=Path, help="trial folders")
    parser.add_argument("--picture", type=Path, required=True, help="PNG or SVG")
    args = parser.parse_args()
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    found = [(folder.name, read_trial(folder)) for folder in args.trials]
    rows = [(name, record, model) for name, record in found for model in record.protocol.models]
    figure, axes = plt.subplots(len(rows), 2, figsize=(9, 3.6 * len(rows)), squeeze=False)
    for (left, right), (name, record, model) in zip(axes, rows, strict=True):
        curves(left, record, model, name)
        gains(right, record, model)
        shots = sorted({one.shots for one in record.results})
        for axis in (left, right):
            axis.set_xscale("log")
            axis.set_xticks(shots, labels=[str(n) for n in shots])
            axis.minorticks_off()
            axis.set_xlabel("real images a class")
            axis.grid(alpha=0.25)
    figure.tight_layout()
    figure.savefig(args.picture, dpi=110)
    for name, record, model in rows:
        for one in record.comparisons:
            if one.primary and one.model == model and one.gain.value is not None:
                value, low, high = (100 * (v or 0.0) for v in (one.gain.value, one.gain.low, one.gain.high))
                told = f"{one.arm} - {one.control} {value:+.1f} [{low:+.1f}, {high:+.1f}] {one.word}"
                print(f"{name}, {model}, {one.shots} shots: {told}")


if __name__ == "__main__":
    main()
