#!/usr/bin/env python3
"""How often the bounds of a90 hold: detectors whose curve is known, asked about drawn defects again and again.

Each simulation places defects of sizes from 4 to 40 pixels, spread evenly in the logarithm, at three contrasts, lets a
detector of known curve find them or not, and fits the curve as `flawforge pod` does, with its tests of contrast and
asymptote. A one-sided 95% bound holds where it is not below the true a90; where no bound is stated, it does not claim
anything and counts as held, and how often that happens is a column of its own. Rows of results are kept in a CSV file,
and the same command goes on where it was.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np

from flawforge.metrics.detection.bounds import bound_sizes
from flawforge.metrics.detection.hit_miss import binomial_interval, fit_hit_miss, shown_by_binomial

DETECTORS = {"size alone": (3.0, 0.0), "size and contrast": (3.0, 2.0)}  # slopes of both logarithms
A50 = 12.0
TRUE = A50 * 9 ** (1 / 3.0)


def simulate(slopes: tuple[float, float], count: int, seed: int, draws: int) -> list[object]:
    """Return seed, outcome, fitted a90, raw and calibrated bound of one simulation."""
    rng = np.random.default_rng([seed, count, round(10 * slopes[1])])
    sizes = np.exp(np.linspace(np.log(4), np.log(40), count))
    contrasts = rng.permutation(np.resize([0.7, 1.0, 1.4], count))
    eta = slopes[0] * np.log(sizes / A50) + slopes[1] * np.log(contrasts)
    hits = rng.random(count) < 1 / (1 + np.exp(-eta))
    curve = fit_hit_miss(sizes, hits, contrasts, seed)
    if curve.outcome != "curve":
        return [seed, curve.outcome, "", *2 * [shown_by_binomial(sizes, hits) or ""]]
    bounds = bound_sizes(curve, seed, draws)
    return [seed, f"asymptote {curve.asymptote:g}", curve.size_at(0.9) or "", bounds.raw or "", bounds.calibrated or ""]


def measure(name: str, count: int, wanted: int, draws: int, file: Path) -> list[list[str]]:
    """Simulate what the file lacks, and return its rows."""
    key = [name, str(count)]
    rows = [row for row in csv.reader(file.open()) if row[:2] == key] if file.is_file() else []
    with file.open("a", newline="") as out:
        table = csv.writer(out)
        for seed in range(len(rows), wanted):
            row = [*key, *map(str, simulate(DETECTORS[name], count, seed, draws))]
            table.writerow(row)
            out.flush()
            rows.append(row)
    return rows[:wanted]


def show(name: str, count: int, rows: list[list[str]]) -> None:
    """Print a row of the table."""
    cells = []
    for column in (5, 6):
        held = sum(row[column] == "" or float(row[column]) >= TRUE for row in rows)
        low, high = binomial_interval(held, len(rows))
        cells.append(f"{100 * held / len(rows):.1f}% ({100 * low:.1f} to {100 * high:.1f})")
    none = sum(row[6] == "" for row in rows) / len(rows)
    below = sum(row[3].startswith("asymptote 0") for row in rows) / len(rows)
    stated = [float(row[6]) for row in rows if row[6]]
    print(
        f"| {name} | {count} | {cells[0]} | {cells[1]} | {100 * none:.1f}% | {100 * below:.1f}% | "
        f"{np.median(stated):.1f} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulations", type=int, default=2000)
    parser.add_argument("--draws", type=int, default=199, help="of hits, for the calibration; the command takes 999")
    parser.add_argument("--counts", type=int, nargs="+", default=[60, 120, 300])
    parser.add_argument("--detectors", nargs="+", default=list(DETECTORS))
    parser.add_argument("--file", type=Path, default=Path("pod_coverage.csv"))
    asked = parser.parse_args()
    print(f"true a90 {TRUE:.1f} pixels; {asked.simulations} simulations a row")
    print(
        "| detector | defects | raw bound holds | calibrated bound holds | no bound | asymptote below 1 | median "
        "bound |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name in asked.detectors:
        for count in asked.counts:
            show(name, count, measure(name, count, asked.simulations, asked.draws, asked.file))


if __name__ == "__main__":
    main()
