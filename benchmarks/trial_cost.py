"""Compare what an answer of `flawforge trial` costs in two checkouts: processor seconds to 90% power for 3 points.

Both run the same trial, a repeat of one checkout and a repeat of the other in turn, one process and one thread each:
the arms real, classical, placebo, generated and recommended, the small network, 5 images per class, everything else as
the checkout has it. Costs are the processor's seconds of each repeat, less those of a call that finds all done; what
only the first repeat does (choices for all) counts once. The repeats that the power takes follow from the variance of
the paired differences, all of them worked out by this checkout, with a bootstrap over repeats for the interval.
Trials are resumed: the same call goes on, and a higher --repeats adds repeats. The other checkout may do fewer: give
--base-repeats. With --spread N the variance is that of N repeats of trials beside these, of the two arms alone whose
difference is judged: the same trainings, without the rest of a repeat.

    python benchmarks/trial_cost.py --base CHECKOUT DATA [--repeats 3] [--base-repeats 1] [--spread 20] [--out FOLDER]

--scale shortens every training of both alike, where whole repeats take too long: what is left is the ratio of costs.

`figure: ratio` is cost over cost, this checkout over the other, where the variance is of 3 repeats of each or more;
with fewer, the ratio is of the costs alone, as if both needed `--needed` repeats.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from flawforge.core.arrays import Ints
from flawforge.core.settings.recipes import recipe as find_recipe
from flawforge.core.settings.trials import FEWEST_REPEATS, TrialSettings
from flawforge.data.reading.load import load
from flawforge.metrics.inference.classification import STATISTICS
from flawforge.metrics.inference.paired import gain
from flawforge.metrics.inference.power import ERROR, Design
from flawforge.metrics.inference.resampling import Resampled, resampled
from flawforge.runs.cells import CellKey, read_cells
from flawforge.studies.trial.setup.bench import load_bench
from machine import keep

ROOT = Path(__file__).resolve().parents[1]
ARMS, MODEL, SHOTS = "real,classical,placebo,generated,recommended", "small-cnn", 5
PAIR = ("generated", "classical")  # whose difference is judged
STEP = 5  # repeats of the pair in a call
WANTED = 0.03
MOST = 200  # repeats
DRAWS = 400
NOW, BASE = "now", "base"


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--base", type=Path, required=True, help="a checkout of the version to compare with")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--base-repeats", type=int, help="default: as --repeats")
    parser.add_argument("--needed", type=int, default=10, help="repeats to count with while there are fewer than 3")
    parser.add_argument("--spread", type=int, default=0, help="repeats of the judged pair of arms alone")
    parser.add_argument("--scale", type=float, default=1.0, help="part of the length of every training")
    parser.add_argument("--out", type=Path, default=Path("trial-cost-benchmark"))
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if args.spread and args.scale < 1:
        parser.error("--spread tells how repeats of full length vary: leave --scale out")
    wanted = {NOW: args.repeats, BASE: args.base_repeats or args.repeats}
    roots = {NOW: ROOT, BASE: args.base.resolve()}
    args.out.mkdir(parents=True, exist_ok=True)
    costs = _costs(args.out)
    for repeats in range(1, max(wanted.values()) + 1):
        for side in (BASE, NOW):
            if len(costs[side]["repeats"]) < repeats <= wanted[side]:
                measure(side, roots[side], args, costs)
    for repeats in range(STEP, args.spread + STEP, STEP):
        for side in (NOW, BASE):
            spread(side, roots[side], args, min(repeats, args.spread))
    result = {"costs": costs} | answer(costs, args)
    keep(args.json, result)
    print(f"figure: ratio {result['ratio']:.3f}")


def _costs(folder: Path) -> dict[str, Any]:
    file = folder / "costs.json"
    found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return {side: found.get(side, {"nothing": None, "repeats": []}) for side in (NOW, BASE)}


def measure(side: str, root: Path, args: argparse.Namespace, costs: dict[str, Any]) -> None:
    """Do one more repeat of one checkout, and keep what it cost."""
    done = len(costs[side]["repeats"])
    if costs[side]["nothing"] is None:
        seconds(side, root, args, done + 1, "--plan")  # finds overlaps, which are kept
    spent = seconds(side, root, args, done + 1)
    costs[side]["nothing"] = seconds(side, root, args, done + 1)
    costs[side]["repeats"].append(spent - costs[side]["nothing"])
    (args.out / "costs.json").write_text(json.dumps(costs))
    print(f"{side}, repeat {done + 1}: {costs[side]['repeats'][-1]:.0f} s of the processor", flush=True)


def seconds(side: str, root: Path, args: argparse.Namespace, repeats: int, *more: str) -> float:
    """Return the processor seconds of one call for all arms."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    call(side, root, args, args.out / side, repeats, "--arms", ARMS, *more)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def spread(side: str, root: Path, args: argparse.Namespace, repeats: int) -> None:
    """Have so many repeats of the judged pair."""
    cells = spread_folder(args.out, side) / "cells"
    done = min(len(list(cells.glob(f"*-{arm}-{MODEL}.json"))) for arm in PAIR)
    if done < repeats:
        call(side, root, args, spread_folder(args.out, side), repeats, "--arms", ",".join(PAIR), "--folds", "0")
        print(f"{side}, spread: {repeats} repeats", flush=True)


def spread_folder(out: Path, side: str) -> Path:
    """Return where the repeats of the judged pair are."""
    return out / f"{side}-spread"


def call(side: str, root: Path, args: argparse.Namespace, out: Path, repeats: int, *more: str) -> None:
    """Run the trial of a checkout."""
    words = ["trial", str(args.data), "--out", str(out), "--shots", str(SHOTS), "--model", MODEL]
    words += ["--seeds", str(repeats), "--workers", "1", "--no-early-stop", *more]
    words += ["--no-model"] if side == NOW else []
    if args.scale < 1:
        own = find_recipe("fewshot")
        whole = own.steps(SHOTS * len(load(args.data).classes)) * own.batch / 1000
        words += ["--steps", str(round(TrialSettings().steps * args.scale))]
        if side == NOW:  # by its part of the recipe's length, of which folds take a part again
            words += ["--generator-length", f"{TrialSettings().generator_length * args.scale:g}"]
        else:
            words += ["--generator-kimg", f"{whole * args.scale:g}"]
    place = {**os.environ, "PYTHONPATH": str(root / "src"), "OMP_NUM_THREADS": "1"}
    place["FLAWFORGE_CACHE"] = str((args.out / f"cache-{side}").resolve())
    subprocess.run([sys.executable, "-m", "flawforge", *words], check=True, env=place, stdout=subprocess.DEVNULL)


def answer(costs: dict[str, Any], args: argparse.Namespace) -> dict[str, Any]:
    """Return the ratio of the costs of an answer and how it came about, and print it."""
    done = {side: args.spread or len(costs[side]["repeats"]) for side in (NOW, BASE)}
    found: dict[str, Any] = {"repeats": done}
    if args.scale < 1 or min(done.values()) < FEWEST_REPEATS:
        found["ratio"] = cost(costs[NOW], args.needed) / cost(costs[BASE], args.needed)
        print(f"{done[NOW]} and {done[BASE]} repeats: the ratio is of what {args.needed} repeats of each cost")
        return found
    folders = {side: spread_folder(args.out, side) if args.spread else args.out / side for side in (NOW, BASE)}
    differences = {side: paired(folder) for side, folder in folders.items()}
    draws = np.random.default_rng(0)
    ratios = []
    for draw in range(DRAWS + 1):
        each = {}
        for side, values in differences.items():
            count = len(values.values)
            each[side] = needed(values, np.arange(count) if draw == 0 else draws.integers(0, count, count))
        found.setdefault("needed", each)
        ratios.append(cost(costs[NOW], each[NOW]) / cost(costs[BASE], each[BASE]))
    found["ratio"], (found["low"], found["high"]) = ratios[0], np.quantile(ratios[1:], (0.025, 0.975)).tolist()
    print(f"repeats needed: {found['needed']}; ratio {found['low']:.3f} to {found['high']:.3f}")
    return found


def cost(of: dict[str, Any], repeats: int) -> float:
    """Return what so many repeats cost: the first, and the mean of the others for each more."""
    first, *others = of["repeats"]
    return float(first + (repeats - 1) * (np.mean(others) if others else first))


def needed(differences: Resampled, rows: Ints) -> int:
    """Return how many repeats would detect the wanted gain, as far as these repeats vary; `MOST` where none would."""
    some = replace(differences, values=differences.values[rows], draws=differences.draws[:, rows])
    parts = gain(some)
    if not sum(parts.parts.__dict__.values()):  # all drawn repeats are one
        return FEWEST_REPEATS
    return max(FEWEST_REPEATS, Design.of(parts, ERROR).repeats_wanted(WANTED, MOST) or MOST)


def paired(folder: Path) -> Resampled:
    """Return the paired differences of the judged pair of arms, resampled over test groups."""
    bench = load_bench(folder)
    cells = read_cells(folder / "cells", bench.protocol)
    test = bench.division.test
    labels, groups = bench.targets(bench.dataset.labels[test]), bench.division.groups[test]
    arms = []
    for arm in PAIR:
        keys = [CellKey(seed, SHOTS, arm, MODEL) for seed in range(MOST)]
        stack = np.stack([cells[key].probabilities for key in keys if key in cells])
        arms.append(resampled(stack, labels, groups, STATISTICS["balanced accuracy"]))
    return arms[0] - arms[1]


if __name__ == "__main__":
    main()
