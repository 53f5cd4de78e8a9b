"""Draw the learning curves of trials that were run: arms against real images a class, and the gain with its interval.

    flawforge trial DATA --out TRIAL --shots 3,5,10,20 --seeds 10 ...
    python benchmarks/trial_picture.py [NAME=]TRIAL[,TRIAL...] ... [--picture FILE] [--csv FILE] [--json FILE]

A row for each name and model: on the left the arms (bands: 95 %, over seeds and pieces of material), on the right the
gain of the arm that counts over the best without new images, a small dot for each repeat. Numbers of shots
that were run in trials of their own make one curve: NAME=TRIAL,TRIAL. Every repeat goes to --csv; every gain with its
interval, in all and class by class, to --json.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

from flawforge.core.settings.arms import shows_new_images
from flawforge.runs.trials import ArmResult, Comparison, read_trial
from machine import keep

GENERATED, REAL, QUIET = "#c0562f", "#1f6f8b", "#999999"
Row = tuple[str, str, str, list[ArmResult], list[Comparison]]  # name, model, metric, arms, gains


def curves(axis: Any, row: Row) -> None:
    """Draw the arms of one model."""
    name, model, metric, results, comparisons = row
    counted = {one.arm for one in comparisons if one.primary} | {one.control for one in comparisons}
    for arm in dict.fromkeys(one.arm for one in results):
        mine = sorted((one for one in results if one.arm == arm), key=lambda one: one.shots)
        found = [(one.shots, one.metrics[metric]) for one in mine]
        points = [
            (shots, 100 * e.value, e.low or e.value, e.high or e.value) for shots, e in found if e.value is not None
        ]
        colour = (GENERATED if shows_new_images(arm) else REAL) if arm in counted else QUIET
        shots, values = [point[0] for point in points], [point[1] for point in points]
        axis.plot(shots, values, marker="o", ms=4, color=colour, ls="-" if arm in counted else "--", label=arm)
        if arm in counted:
            low, high = ([min(100.0, 100 * point[place]) for point in points] for place in (2, 3))
            axis.fill_between(shots, low, high, color=colour, alpha=0.12, lw=0)
    axis.set_ylabel(f"{metric}, %")
    axis.legend(fontsize=8)
    axis.set_title(f"{name}, {model}", fontsize=10)


def gains(axis: Any, row: Row) -> None:
    """Draw the gain of the arm that counts, at each number of shots."""
    axis.axhline(0, color=QUIET, lw=1)
    for one in row[4]:
        if not one.primary or one.gain.value is None:
            continue
        axis.scatter([one.shots] * len(one.differences), [100 * d for d in one.differences], s=9, color=QUIET)
        value, low, high = (100 * (v or 0.0) for v in (one.gain.value, one.gain.low, one.gain.high))
        axis.errorbar([one.shots], [value], [[value - low], [high - value]], fmt="o", ms=5, capsize=4, color=GENERATED)
    axis.set_ylabel("gain over the best control, points")
    axis.set_title("a dot for each repeat; bar: interval of the verdict", fontsize=10)


def read(words: list[str]) -> list[Row]:
    """Return the rows of [NAME=]TRIAL[,TRIAL...] words, a row for each name and model."""
    rows: list[Row] = []
    for word in words:
        name, _, folders = word.rpartition("=")
        records = [read_trial(Path(folder)) for folder in folders.split(",")]
        for model in dict.fromkeys(model for record in records for model in record.protocol.models):
            results = [one for record in records for one in record.results if one.model == model]
            found = [one for record in records for one in record.comparisons if one.model == model]
            rows.append((name or Path(folders).name, model, records[0].protocol.metric, results, found))
    return rows


def draw(rows: list[Row], path: Path) -> None:
    """Draw the rows into a PNG or SVG."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(len(rows), 2, figsize=(9, 3.6 * len(rows)), squeeze=False)
    for (left, right), row in zip(axes, rows, strict=True):
        curves(left, row)
        gains(right, row)
        shots = sorted({one.shots for one in row[3]})
        for axis in (left, right):
            axis.set_xscale("log")
            axis.set_xticks(shots, labels=[str(n) for n in shots])
            axis.minorticks_off()
            axis.set_xlabel("real images a class")
            axis.grid(alpha=0.25)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def write_table(rows: list[Row], path: Path) -> None:
    """Write every repeat of every arm as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        metrics = list(rows[0][3][0].values)
        writer.writerow(["data", "shots", "model", "arm", "repeat", *metrics])
        for name, model, _, results, _ in rows:
            for one in sorted(results, key=lambda one: (one.shots, one.arm)):
                for place, seed in enumerate(one.seeds):
                    values = [f"{one.values[metric][place]:.6f}" for metric in metrics]
                    writer.writerow([name, one.shots, model, one.arm, seed, *values])


def summary(row: Row) -> list[dict[str, Any]]:
    """Return the gains of the arm that counts, in points."""

    def points(gain: Any) -> list[float | None]:
        return [None if value is None else round(100 * value, 2) for value in (gain.value, gain.low, gain.high)]

    name, model, metric, _, comparisons = row
    return [
        {
            "data": name,
            "model": model,
            "metric": metric,
            "shots": one.shots,
            "arm": one.arm,
            "control": one.control,
            "repeats": len(one.seeds),
            "gain": points(one.gain),
            "level": one.gain.level,
            "word": one.word,
            "over": {rival.arm: points(rival.gain) for rival in one.rivals},
            "detectable": None if one.detectable is None else round(100 * one.detectable, 2),
            "classes": {part.label: points(part.gain) for part in one.classes},
        }
        for one in sorted(comparisons, key=lambda one: one.shots)
        if one.primary
    ]


def main() -> None:
    """Draw and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trials", nargs="+", help="[NAME=]TRIAL[,TRIAL...]")
    parser.add_argument("--picture", type=Path, help="PNG or SVG")
    parser.add_argument("--csv", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    rows = read(args.trials)
    if args.picture is not None:
        draw(rows, args.picture)
    if args.csv is not None:
        write_table(rows, args.csv)
    found = [one for row in rows for one in summary(row)]
    keep(args.json, {"gains": found})
    for one in found:
        value, low, high = one["gain"]
        print(
            f"{one['data']}, {one['model']}, {one['shots']} shots: {one['arm']} - {one['control']} "
            f"{value:+.1f} [{low:+.1f}, {high:+.1f}] {one['word']}"
        )


if __name__ == "__main__":
    main()
