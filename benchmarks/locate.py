"""Trials of the task locate on magnetic tiles and steel: does any arm help to say where the defect is?

For each set and number of shots a trial without a generator of its own, and beside it one with all images outside the
test set, whose classical arm shows how much there is to gain. The test images of both are the same. What was measured
is kept in --out, and the same call goes on.

    python benchmarks/locate.py [--sets tiles,neu] [--shots 5,3,10] [--repeats 3] [--arms real,classical,...]
    python benchmarks/locate.py --sets tiles --arms classical,copy-paste --models unet --minutes 30
    python benchmarks/locate.py --help

Tiles have all good images in training; of NEU-DET the classes inclusion, patches and scratches are taken. The figure is
the share of the gap between classical and all images that the best other arm closes, U-Net, 5 shots, on the set where
it is largest; there is none where all images do no better. The best arm is chosen on the test images, so the share is a
little rosy.
"""

from __future__ import annotations

import argparse
import os
import time
from itertools import product
from pathlib import Path
from typing import Any

from flawforge import trial
from flawforge.data.dataset import Dataset
from flawforge.data.reading.load import load
from flawforge.metrics.inference.paired import gain
from flawforge.metrics.inference.resampling import Resampled
from flawforge.runs.estimates import Estimate, gain_points, in_percent
from flawforge.studies.trial.analysis.evidence import Evidence
from flawforge.studies.trial.analysis.record import evidence_of, read_results
from flawforge.studies.trial.analysis.verdict import by_class
from flawforge.studies.trial.setup.bench import load_bench
from machine import keep

FOLDER = Path(os.environ.get("FLAWFORGE_DATA", "../shared/data"))
STEEL = ("inclusion", "patches", "scratches")
ALL = 0  # shots
CONTROLS = ("real", "classical", "placebo")  # which close no gap
MODEL, SHOTS = "unet", 5  # of the figure
FEWEST = 2  # repeats of an interval


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default="tiles,neu")
    parser.add_argument("--shots", default="5,3,10", help="numbers of images per class, in the order of the work")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--arms", default="real,classical,placebo,copy-paste,one-class,compose")
    parser.add_argument("--models", default="effnet-dense,unet")
    parser.add_argument("--steps", type=int, help="default: the trial's")
    parser.add_argument("--out", type=Path, default=Path("locate-benchmark"))
    parser.add_argument("--minutes", type=float, default=1e5, help="begin no trial after this time")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    deadline = time.monotonic() + 60 * args.minutes
    shots = [int(word) for word in args.shots.split(",")]
    for count, repeat, name in product((shots[0], ALL, *shots[1:]), range(args.repeats), args.sets.split(",")):
        left = (deadline - time.monotonic()) / 60
        if left > 0:
            run(name, count, repeat + 1, left, args)
    rows, shares = [], {}
    for name, count in product(args.sets.split(","), shots):
        found = measured(args.out, name, count)
        rows += [{"set": name, "shots": count, **row} for row in found]
        if count == SHOTS:
            own = [row["share"] for row in found if row["model"] == MODEL and row["share"] is not None]
            shares[name] = max(own, default=None)
    known = [share for share in shares.values() if share is not None]
    if known:
        print(f"figure: gap_share {max(known):.3f}")
    elif shares:
        print("no figure: with all images the model does no better than with few, or these were not run")
    keep(args.json, {"rows": rows, "shares": shares})


def material(name: str) -> Dataset:
    """Return the images of a set."""
    data = load(FOLDER / {"tiles": "magnetic-tile", "neu": "neu-det"}[name])
    return data if name == "tiles" else data.select(STEEL)


def run(name: str, shots: int, repeats: int, minutes: float, args: argparse.Namespace) -> None:
    """Run or go on with one trial; of all images the classical arm alone."""
    arms = [arm for arm in args.arms.split(",") if name == "tiles" or arm != "one-class"]
    how: dict[str, Any] = {"as_is": True, "arms": ("classical",)} if shots == ALL else {"shots": (shots,), "arms": arms}
    how |= {"steps": args.steps} if args.steps else {}
    started = time.process_time()
    trial(
        material(name),
        args.out / f"{name}-{shots or 'all'}",
        task="locate",
        seeds=repeats,
        models=tuple(args.models.split(",")),
        minutes=minutes,
        workers=1,
        early_stop=False,
        **how,
    )
    print(f"{name}, {shots or 'all'} shots, {repeats} repeats: {time.process_time() - started:.0f} s", flush=True)


def evidence(folder: Path) -> Evidence | None:
    """Return what a trial has measured; None where there is none."""
    if not (folder / "records").is_dir():
        return None
    bench = load_bench(folder)
    return evidence_of(bench, read_results(folder, bench, 1000), ((bench.settings.seeds, bench.settings.seeds),))


def measured(out: Path, name: str, shots: int) -> list[dict[str, Any]]:
    """Print a table of a set and a number of shots, and return its rows."""
    few, everything = evidence(out / f"{name}-{shots}"), evidence(out / f"{name}-all")
    rows: list[dict[str, Any]] = []
    for setting in few.settings() if few is not None else []:
        assert few is not None
        before = few.mean(setting, "classical", few.repeats(setting, ["classical"]))
        whole, room = (ALL, setting[1]), None
        if everything is not None and (repeats := everything.repeats(whole, ["classical"])):
            room = everything.mean(whole, "classical", repeats) - before
        print(f"\n{name}, {setting[1]}, {shots} shots: {few.metric} in %, 95% CI; and of each class")
        for arm in few.arms(setting):
            repeats = few.repeats(setting, [arm, "classical"])
            own = few.resampled(setting, arm, repeats)
            reached = _estimate(own)
            over = _estimate(own - few.resampled(setting, "classical", repeats))
            classes = by_class(few, few.stack(setting, arm, repeats))[1]
            each = ", ".join(f"{label} {100 * value:.1f}" for label, value in classes.items())
            against = "" if arm == "classical" else f"; over classical {gain_points(over)}"
            print(f"  {arm:12} {in_percent(reached):22} {each}; {len(repeats)} repeats{against}")
            share = None if room is None or room <= 0 or arm in CONTROLS else (over.value or 0) / room
            row = {"model": setting[1], "arm": arm, "repeats": len(repeats), "classes": classes, "share": share}
            rows.append(row | {"value": reached.model_dump(), "gain": over.model_dump()})
        if room is not None:
            print(f"  all images   {100 * (before + room):.1f}: {100 * room:+.1f} points over classical")
    return rows


def _estimate(found: Resampled) -> Estimate:
    if len(found.values) < FEWEST:
        return Estimate(value=float(found.values.mean()), low=None, high=None)
    over = gain(found)
    low, high = over.at()
    return Estimate(value=over.value, low=low, high=high)


if __name__ == "__main__":
    main()
