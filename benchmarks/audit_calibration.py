"""Measure the audit's search for copies: are its alarms as rare as it says, and does it find what is planted?

Honest images are real ones of groups that no training image belongs to, in the place of generated ones. Planted are
training images in ten disguises. Each split draws training and honest groups anew; one image of each group.

- small splits (20 to train on, 20 honest): how often an honest set gets the verdict "copies found", and whether the
  honest images' p-values are uniform (Kolmogorov-Smirnov over 200, two of each split, ties broken at random);
- larger splits (20 to 200 to train on): share of each disguise that is found at the score which 1 % of honest images
  may exceed, the share of honest ones that really do, and what comes out at 0, 0.5, 1, 5 and 50 % of copies.

Every split is written to --json at once; the same command goes on where it stopped.

    python benchmarks/audit_calibration.py [--quick] [--json FILE] [--picture FILE]
"""

from __future__ import annotations

import argparse
import csv
import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats

from flawforge.data.load import load
from flawforge.data.overlap import connected
from flawforge.studies.copies import ALARM, SPREAD, CopySearch, copied
from flawforge.studies.disguises import DISGUISES, HEAVY, disguise
from machine import keep, machine

DATA = Path(os.environ.get("FLAWFORGE_DATA", "../shared/data"))
SETS = {"steel": "neu-det", "tiles": "magnetic-tile"}
SIDE = 128
PREVALENCES = (0.0, 0.005, 0.01, 0.05, 0.5)
SET_SIZE = 100  # images of a set in which copies are planted (200 at 0.5 %)
DRAWS = 200  # sets drawn at each prevalence
Row = dict[str, Any]
Pixels = NDArray[np.uint8]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the splits, and no split of 200")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--picture", type=Path, help="draw the curves into this file (PNG or SVG)")
    args = parser.parse_args()
    done: dict[str, Row] = {}
    if args.json is not None and args.json.is_file():
        done = json.loads(args.json.read_text(encoding="utf-8")).get("splits", {})
    for name, folder in SETS.items():
        if not (DATA / folder).is_dir():
            print(f"no images at {DATA / folder}: set FLAWFORGE_DATA")
            continue
        pixels, groups = read(DATA / folder)
        for key, work in plan(name, pixels, groups, args.quick):
            if key not in done:
                done[key] = work()
                if args.json is not None:
                    args.json.write_text(json.dumps({"machine": machine(), "splits": done}) + "\n", encoding="utf-8")
    summary = {name: summarise(name, done) for name in SETS if any(key.startswith(name) for key in done)}
    if args.picture is not None:
        draw(summary, args.picture)
    recall = min((row["least_recall"] for row in summary.values()), default=float("nan"))
    keep(args.json, {"summary": summary, "splits": done, "recall": recall})
    print(f"figure: recall {recall:.4f}")


def plan(name: str, pixels: Pixels, groups: NDArray[np.int64], quick: bool) -> list[tuple[str, Callable[[], Row]]]:
    """Return the splits, each with its name."""
    counts = {20: 10, 50: 3, 100: 2} if quick else {20: 100, 50: 4, 100: 2, 200: 1}
    number = len(np.unique(groups))
    out: list[tuple[str, Callable[[], Row]]] = []
    for size, splits in counts.items():
        if size + 40 > number:
            continue
        for split in range(splits):
            plant = 20 if size > 20 else (10 if split < 4 else 0)
            honest = 20 if size == 20 else min(100, number - size)
            seed = 1000 * size + split
            out.append((f"{name}-{size}-{split}", partial(run, pixels, groups, size, honest, plant, seed)))
    return out


def read(folder: Path) -> tuple[Pixels, NDArray[np.int64]]:
    """Return the images at 128 x 128, and groups: ours and the reference's united, so that honest images are honest."""
    data = load(folder)
    with (folder / "groups.csv").open(encoding="utf-8") as lines:
        known = {Path(row["image"]).stem: int(row["group"]) for row in csv.DictReader(lines)}
    reference = np.array([known[Path(sample.file).stem] for sample in data.samples])
    pairs = []
    for groups in (reference, data.groups()):
        first: dict[int, int] = {}
        pairs += [(first.setdefault(int(group), index), index) for index, group in enumerate(groups)]
    return np.asarray(data.pixels((SIDE, SIDE), 1), dtype=np.uint8), connected(np.array(pairs), len(data))


def run(pixels: Pixels, groups: NDArray[np.int64], size: int, honest: int, plant: int, seed: int) -> Row:
    """Do one split: the scale, the scores of honest images, and those of planted copies."""
    draws = np.random.default_rng(seed)
    order = draws.permutation(np.unique(groups))
    chosen = np.array([draws.choice(np.flatnonzero(groups == group)) for group in order[: size + honest]])
    train, held = pixels[chosen[:size]], pixels[chosen[size:]]
    search = CopySearch(lambda index: train[index].astype(np.float32), np.arange(size))
    scale = search.scale()
    assert scale is not None
    scores = search.look(torch.from_numpy(held).float()).scores
    planted = {}
    for kind in DISGUISES if plant else ():
        sources = draws.permutation(size)[:plant]
        made = [disguise(train[i], kind, held[draws.integers(len(held))], draws) for i in sources]
        planted[kind] = search.look(torch.from_numpy(np.stack(made)).float()).scores.tolist()
    ties = draws.uniform(size=len(scores))  # of equal ranks, to make the p-values continuous
    return {
        "size": size,
        "scale": scale.scores.tolist(),
        "honest": scores.tolist(),
        "p": (scale.rank(scores) - ties / (size + 1)).tolist(),
        "called": len(copied(scale, scores)[1]),
        "image_threshold": scale.threshold(0.01),
        "planted": planted,
    }


def summarise(name: str, done: dict[str, Row]) -> Row:
    """Print and return what the splits of one data set say."""
    rows = [row for key, row in done.items() if key.startswith(f"{name}-")]
    small = [row for row in rows if row["size"] == 20]
    p = np.concatenate([row["p"][:2] for row in small])
    fooled = sum(row["called"] > 0 for row in small)
    test = stats.kstest(p, "uniform")
    print(f"\n{name}: honest sets of 20 called 'copies found': {fooled} of {len(small)}")
    print(f"p-values of {len(p)} honest images against uniform: KS {test.statistic:.3f}, p = {test.pvalue:.3f}")
    out: Row = {"fooled": fooled, "sets": len(small), "ks": test.statistic, "ks_p": test.pvalue, "sizes": {}}
    print(f"{'training images':>16}{'honest':>9}" + "".join(f"{kind[:9]:>11}" for kind in DISGUISES) + "   eight kinds")
    for size in sorted({row["size"] for row in rows}):
        out["sizes"][size] = of_size([row for row in rows if row["size"] == size], size)
    largest = out["sizes"][max(out["sizes"])]
    out["least_recall"] = largest["eight"]
    return out


def of_size(rows: list[Row], size: int) -> Row:
    """Print and return recall, false alarms, and what comes out at each prevalence, at one number of images."""
    alarms = np.concatenate([np.array(row["honest"]) >= row["image_threshold"] for row in rows])
    recall, found = {}, []
    for kind in DISGUISES:
        hits = [np.array(r["planted"][kind]) >= r["image_threshold"] for r in rows if r["planted"]]
        recall[kind] = float(np.concatenate(hits).mean())
        found += [*np.concatenate(hits)] if kind not in HEAVY else []
    eight = float(np.mean(found))
    print(f"{size:16d}{alarms.mean():9.4f}" + "".join(f"{recall[kind]:11.3f}" for kind in DISGUISES)
          + f"   {eight:.4f} of {len(found)}")  # fmt: skip
    out: Row = {"alarms": float(alarms.mean()), "honest": len(alarms), "recall": recall, "eight": eight,
                "planted": len(found), "prevalence": {}}  # fmt: skip
    for share in PREVALENCES:
        told, called, false = mixed([row for row in rows if row["planted"]], share)
        out["prevalence"][share] = {"told": told, "recall": called, "false_share": false}
        if size > 20:
            words = "" if not share else f", {called:.3f} of the copies called so, {false:.4f} of those called honest"
            print(f"{'':16}at {100 * share:4.1f} % copies: 'copies found' in {told:.3f} of {DRAWS} sets{words}")
    return out


def mixed(rows: list[Row], share: float) -> tuple[float, float, float]:
    """Return how often a set with a share of copies (of the eight kinds) is told, the recall, and the false share."""
    from flawforge.metrics.calibration import Scale

    draws = np.random.default_rng(7)
    number = 200 if share == 0.005 else SET_SIZE
    kinds = [kind for kind in DISGUISES if kind not in HEAVY]
    told, recall, false = [], [], []
    for _ in range(DRAWS):
        row = rows[draws.integers(len(rows))]
        copies = round(share * number)
        honest = draws.choice(row["honest"], number - copies, replace=number - copies > len(row["honest"]))
        planted = [draws.choice(row["planted"][kinds[draws.integers(len(kinds))]]) for _ in range(copies)]
        called = copied(Scale.of(row["scale"], spread=SPREAD), np.r_[honest, planted], ALARM)[1]
        told.append(len(called) > 0)
        if copies:
            recall.append(float((called >= len(honest)).sum() / copies))
        if len(called):
            false.append(float((called < len(honest)).mean()))
    return float(np.mean(told)), float(np.mean(recall or [0.0])), float(np.mean(false or [0.0]))


def draw(summary: dict[str, Row], file: Path) -> None:
    """Draw recall against the number of training images, and how often copies are told against their share."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2 * len(summary), figsize=(6.5 * len(summary), 3.4), layout="constrained")
    for place, (name, row) in enumerate(summary.items()):
        sizes = sorted(row["sizes"])
        left, right = axes[2 * place], axes[2 * place + 1]
        for kind in DISGUISES:
            style = "--" if kind in HEAVY else "-"
            left.plot(sizes, [row["sizes"][n]["recall"][kind] for n in sizes], style, marker=".", label=kind)
        left.set(title=f"{name}: found at 1 % false alarms", xlabel="training images", ylim=(0, 1.03), xscale="log")
        left.set_xticks(sizes, [str(n) for n in sizes])
        left.set_xticks([], minor=True)
        left.legend(fontsize=6, ncols=2)
        for n in sizes:
            told = row["sizes"][n]["prevalence"]
            right.plot([100 * p for p in told], [told[p]["told"] for p in told], marker=".", label=f"n = {n}")
        right.set(title=f"{name}: verdict 'copies found'", xlabel="copies planted, %", ylim=(-0.02, 1.03))
        right.set_xscale("symlog", linthresh=0.5)
        right.set_xlim(-0.1, 60)
        right.set_xticks([100 * share for share in PREVALENCES], [f"{100 * share:g}" for share in PREVALENCES])
        right.set_xticks([], minor=True)
        right.legend(fontsize=7)
    figure.savefig(file, dpi=110)


if __name__ == "__main__":
    main()
