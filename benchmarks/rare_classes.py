"""Run trials of one rare class beside plenty of the others, each class in turn, and tabulate what helps.

Every class of a data set is the rare one once, with few images, and all others have --others images or all of them. The
arms are real, classical, pseudo-labelled and pasted-on-plentiful, as `flawforge trial --rare` trains them, without a
generator; beside them stands the classical arm without the shift of its logits that was chosen. What was measured is
kept in --out, and the same call goes on: three repeats of every class first, then more.

    python benchmarks/rare_classes.py neu [--shots 5] [--others 50] [--repeats 10] [--models effnet-probe]
    python benchmarks/rare_classes.py tiles --models effnet-probe,effnet-focus --resolution 256x192
    python benchmarks/rare_classes.py elpv-mono --others 0      # 0: all
    python benchmarks/rare_classes.py --help

The figure is the mean gain of the classical arm over itself without the shift in recall of the rare class, in points.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from scipy import special, stats

from flawforge import trial
from flawforge.data.dataset import Dataset
from flawforge.data.reading.load import load
from flawforge.metrics.inference.paired import Gain, gain
from flawforge.runs.cells import CellKey
from flawforge.runs.estimates import Estimate, gain_points, in_percent
from flawforge.studies.trial.analysis.record import evidence_of, read_results
from flawforge.studies.trial.setup.bench import load_bench
from machine import keep

FOLDER = Path(os.environ.get("FLAWFORGE_DATA", "../shared/data"))
ARMS = ("real", "classical", "pseudo-labelled", "pasted-on-plentiful")
UNSHIFTED = "classical, unshifted"
STAGES = (3, 5, 10, 20, 40)  # repeats of every class before any has more
Row = dict[str, Any]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="neu, tiles, elpv-mono or elpv-poly")
    parser.add_argument("--shots", type=int, default=5, help="images of the rare class")
    parser.add_argument("--others", type=int, default=50, help="images of each other class; 0: all")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--models", default="effnet-probe")
    parser.add_argument("--arms", default=",".join(ARMS))
    parser.add_argument("--resolution", help="HEIGHTxWIDTH; default: the trial's")
    parser.add_argument("--only", default="", help="rare classes whose names hold this")
    parser.add_argument("--out", type=Path, default=Path("rare-benchmark"))
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no trial after this time")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    folders: dict[str, Path] = {}
    deadline = time.monotonic() + 60 * args.minutes
    for repeats, (rare, data) in product(sorted({min(stage, args.repeats) for stage in STAGES}), list(of(args.data))):
        if args.only in rare:
            folders[rare] = args.out / f"{args.data}-{rare}-n{args.shots}-others{args.others}"
            if time.monotonic() < deadline:
                started = time.process_time()
                run(data, rare, folders[rare], repeats, args)
                print(f"{rare}, {repeats} repeats: {time.process_time() - started:.0f} s", flush=True)
    rows = [row for rare, folder in folders.items() if (folder / "cells").is_dir() for row in measured(rare, folder)]
    show(rows, args)


def of(name: str) -> Iterator[tuple[str, Dataset]]:
    """Return each class that is the rare one, with the images."""
    if name.startswith("elpv"):
        yield "defective", load(name).select(["defective", "good"])
        return
    data = load(FOLDER / {"neu": "neu-det", "tiles": "magnetic-tile"}[name])
    for label in data.classes:
        if label != "good":
            yield label, data


def run(data: Dataset, rare: str, folder: Path, repeats: int, args: argparse.Namespace) -> None:
    """Run or go on with one trial."""
    more = {"resolution": args.resolution} if args.resolution else {}
    if args.others:
        more["others"] = args.others
    trial(
        data,
        folder,
        rare=(rare,),
        shots=(args.shots,),
        seeds=repeats,
        arms=tuple(args.arms.split(",")),
        models=tuple(args.models.split(",")),
        workers=1,
        early_stop=False,
        keep_model=False,
        **more,
    )


def measured(rare: str, folder: Path) -> list[Row]:
    """Return a row for each model, arm and figure of a trial: what was reached, and the paired gain over classical."""
    bench = load_bench(folder)
    cells = read_results(folder, bench, bench.settings.seeds)
    found = evidence_of(bench, cells, ((bench.settings.seeds, bench.settings.seeds),))
    known = dict(found.cells)
    for key, cell in cells.items():
        if key.arm == "classical":
            logits = np.log(np.maximum(cell.probabilities.astype(np.float64), 1e-30))
            shift = np.asarray(cell.facts.get("shift", 0.0))
            known[replace_arm(key)] = special.softmax(logits - shift, axis=1).astype(np.float32)
    found = replace(found, cells=known, _kept={})
    rows = []
    for setting in found.settings():
        arms = found.arms(setting)
        sampling: Any = next(
            (dict(c.facts)["sampling"] for k, c in cells.items() if k.model == setting[1] and "sampling" in c.facts), {}
        )
        for arm, figure in product(arms, found.figures):
            repeats = found.repeats(setting, [arm, "classical"])
            if len(repeats) > 1:
                own = found.resampled(setting, arm, repeats, figure)
                over = gain(own - found.resampled(setting, "classical", repeats, figure))
                rows.append(
                    {
                        "rare": rare,
                        "model": setting[1],
                        "arm": arm,
                        "figure": figure.removesuffix(f" of {rare}"),
                        "repeats": len(repeats),
                        "reached": estimate(gain(own)),
                        "over": estimate(over),
                        "sampling": sampling,
                    }
                )
    return rows


def replace_arm(key: CellKey) -> CellKey:
    """Return the key of the classical arm without its shift."""
    return replace(key, arm=UNSHIFTED)


def estimate(values: Gain) -> Estimate:
    """Return it with its 95% interval."""
    low, high = values.at()
    return Estimate(value=values.value, low=low, high=high)


def show(rows: list[Row], args: argparse.Namespace) -> None:
    """Print the tables and the figure: each rare class, and the mean over all with its interval over classes."""
    figures = list(dict.fromkeys(row["figure"] for row in rows))
    means: dict[tuple[str, str, str], tuple[float, float, float]] = {}
    for model in dict.fromkeys(row["model"] for row in rows):
        print(f"\n{args.data}, {args.shots} images of the rare class, {args.others or 'all'} of the others, {model}")
        for row in rows:
            if row["model"] == model and row["arm"] == "classical" and row["figure"] == figures[0]:
                print(f"  {row['rare']}: {row['repeats']} repeats; {row['sampling']}")
        for figure in figures:
            print(f"\n  {figure}: reached, and points over classical (95% intervals)")
            for arm in dict.fromkeys(row["arm"] for row in rows):
                own = [r for r in rows if (r["model"], r["arm"], r["figure"]) == (model, arm, figure)]
                for row in own:
                    over_it = "" if arm == "classical" else gain_points(row["over"])
                    print(f"    {row['rare']:18}{arm:22}{in_percent(row['reached']):26}{over_it}")
                over = np.array([row["over"].value for row in own])
                if len(over) > 1:
                    reach = float(stats.t.ppf(0.975, len(over) - 1) * over.std(ddof=1) / np.sqrt(len(over)))
                    middle = float(over.mean())
                    means[model, arm, figure] = (middle, middle - reach, middle + reach)
                    level = np.mean([row["reached"].value for row in own])
                    print(
                        f"    {'mean of classes':18}{arm:22}{100 * level:<26.1f}"
                        f"{gain_points(Estimate(value=middle, low=middle - reach, high=middle + reach))}"
                    )
    found = [
        -100 * value for (_, arm, figure), (value, _, _) in means.items() if (arm, figure) == (UNSHIFTED, "recall")
    ]
    print(f"figure: recall_points {np.mean(found) if found else float('nan'):.2f}")
    plain = [{**row, "reached": row["reached"].model_dump(), "over": row["over"].model_dump()} for row in rows]
    keep(args.json, {"rows": plain})


if __name__ == "__main__":
    main()
