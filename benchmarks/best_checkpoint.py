"""Does the proxy that training chooses its best weights by agree with what held-out images say?

Short trainings of `fewshot` on few images of four data sets; of each checkpoint, from different latents: the proxy
against the training images, as training works it out (`flawforge.training.health.judge`), and two yardsticks
against other images of the same classes that share no specimen with a training image: KID, and the share of them that
is covered (k = 5). Printed: Spearman's correlation with KID over the checkpoints; the regret, that is the KID of the
chosen checkpoint less the lowest, beside that of taking the last; and the share that the chosen checkpoint covers,
beside the largest. Other proxies stand beside ours.

    python benchmarks/best_checkpoint.py --work DIR [--minutes 3 | --checkpoints N] [--only NAME ...] [--quick]
                                         [--json FILE]

It goes on in DIR where it stopped. `figure: regret` is ours over that of the last, both summed in units of the lowest;
`figure: coverage_lost` is the mean over the trainings of the largest share less ours, in percentage points.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr

from flawforge.core.seeds import numpy_stream
from flawforge.data.dataset import Dataset
from flawforge.data.demo import demo_data
from flawforge.data.reading.load import load
from flawforge.metrics.fidelity.kid import kid
from flawforge.metrics.fidelity.precision_recall import density_coverage
from flawforge.models.efficientnet import Backbone, load_backbone
from flawforge.models.extractors import features
from flawforge.runs.checkpoint import require_checkpoint
from flawforge.studies.synthesis.sampler import Sampler
from flawforge.training.health.judge import SMALLEST_SPREAD, Reference, crowding, distance
from flawforge.training.train import train
from machine import keep

DATA = Path(os.environ.get("FLAWFORGE_DATA", "../shared/data"))
STAGES = (2, 3, 5, 7)
COLUMNS = {3: slice(24, 64), 5: slice(64, 176)}  # of the features of STAGES
HELD_OUT = 600  # images at most

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Selection:
    """What one training learns from, and how many thousand images lie between two checkpoints."""

    source: str
    classes: tuple[str, ...] | None
    shots: int
    kimg: float


SELECTIONS = {
    "neu20": Selection(str(DATA / "neu-det"), None, 20, 0.512),
    "tile15": Selection(str(DATA / "magnetic-tile"), ("blowhole", "break", "crack", "uneven"), 15, 0.512),
    "elpv20": Selection("elpv", None, 20, 0.512),
    "scr8": Selection(str(DATA / "neu-det"), ("scratches",), 8, 0.768),
    "demo50": Selection("demo", None, 50, 1.024),
}


@dataclass(frozen=True)
class Row:
    """The outcome of one proxy on one training."""

    data: str
    proxy: str
    checkpoints: int
    spearman: float
    regret: float
    regret_last: float
    lowest: float
    texture_spearman: float
    covered: float
    most_covered: float


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="scratch folder, gone on with")
    parser.add_argument("--minutes", type=float, default=3.0, help="of training and judging for each selection")
    parser.add_argument("--checkpoints", type=int, help="of each selection, in place of --minutes")
    parser.add_argument("--only", nargs="*", choices=list(SELECTIONS), default=list(SELECTIONS))
    parser.add_argument("--quick", action="store_true", help="steel alone, one minute")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if args.quick:
        args.minutes, args.only = 1.0, ["neu20"]
    args.work.mkdir(parents=True, exist_ok=True)
    backbone = load_backbone()
    rows: list[Row] = []
    for name in args.only:
        if SELECTIONS[name].source not in ("elpv", "demo") and not Path(SELECTIONS[name].source).is_dir():
            print(f"{name}: no images at {SELECTIONS[name].source}: set FLAWFORGE_DATA")
            continue
        collect(name, SELECTIONS[name], args.work, args.minutes, args.checkpoints, backbone)
        rows += compare(name, args.work)
    if not rows:
        return
    print(
        f"\n{'data':8} {'proxy':22} {'n':>3} {'rho':>6} {'rho texture':>12} {'regret':>8} {'of last':>8} {'lowest':>8} "
        f"{'covered':>8} {'of most':>8}"
    )
    for row in rows:
        print(
            f"{row.data:8} {row.proxy:22} {row.checkpoints:3} {row.spearman:6.2f} {row.texture_spearman:12.2f} "
            f"{row.regret:8.1f} {row.regret_last:8.1f} {row.lowest:8.1f} {row.covered:8.1%} {row.most_covered:8.1%}"
        )
    ours = [row for row in rows if row.proxy == OURS]
    last = sum(row.regret_last / row.lowest for row in ours)
    keep(args.json, {"rows": [asdict(row) for row in rows]})
    share = sum(row.regret / row.lowest for row in ours) / last if last else float("nan")
    print(f"figure: coverage_lost {100 * float(np.mean([row.most_covered - row.covered for row in ours])):.1f}")
    print(f"figure: regret {share:.3f}" if last else "figure: regret not measured (the last was the best everywhere)")


def collect(
    name: str, selection: Selection, work: Path, minutes: float, checkpoints: int | None, backbone: Backbone
) -> None:
    """Train with a stop at each checkpoint, and write the features of what it makes."""
    source = demo_data(work / "demo") if selection.source == "demo" else selection.source
    whole = load(source).select(selection.classes)
    part = whole.select(None, selection.shots, 0)
    real = work / f"{name}-real.npz"
    if not real.is_file():
        _write_real(real, whole, part, backbone)
    begun, number = time.monotonic(), 0
    while number < checkpoints if checkpoints else time.monotonic() - begun < minutes * 60:
        number += 1
        file = work / f"{name}-{number:03d}.npz"
        if file.is_file():
            continue
        run = train(
            part,
            work / f"run-{name}",
            "fewshot",
            kimg=number * selection.kimg,
            resume=True,
            previews=1,
            judge_kimg=0,
            rescues=0,
            precision="float32",
        )
        checkpoint = require_checkpoint(run)
        sampler = Sampler(run, checkpoint, torch.device("cpu"))
        found = {}
        for code, label in enumerate(sampler.classes):
            found[f"p{code}"] = described(sampler.images(1, label, 0), backbone)
            found[f"y{code}"] = described(np.concatenate([sampler.images(2, label, k) for k in range(2)]), backbone)
        np.savez(file, seconds=checkpoint.facts["seconds"], **found)  # type: ignore[arg-type]
        print(f"{name}: {number * selection.kimg:.1f} kimg", flush=True)


def _write_real(file: Path, whole: Dataset, part: Dataset, backbone: Backbone) -> None:
    groups, own = whole.groups(), {sample.file for sample in part.samples}
    seen = np.array([sample.file in own for sample in whole.samples])
    others = np.flatnonzero(~seen & ~np.isin(groups, groups[seen]))
    held = np.sort(numpy_stream(0, "split").permutation(others)[:HELD_OUT])
    found: dict[str, NDArray[Any]] = {}
    for key, rows in (("train", np.flatnonzero(seen)), ("held", held)):
        pixels = whole.take(rows).pixels((64, 64), 1)[:, None].astype(np.float32) / (whole.white / 2) - 1
        found |= {key: described(pixels, backbone), f"{key}_labels": whole.labels[rows], f"{key}_groups": groups[rows]}
    np.savez(file, **found)  # type: ignore[arg-type]


def described(images: NDArray[np.float32], backbone: Backbone) -> NDArray[np.float32]:
    """Return (N, 496) pooled features of four stages."""
    found: NDArray[np.float32] = features([torch.from_numpy(images)], backbone, STAGES).numpy()
    return found


def uncovered(real: Floats, made: Floats, groups: NDArray[np.int64]) -> float:
    """Return the criterion before it was divided by the share that is covered: it does not see variety."""
    mean, spread = real.mean(axis=0), real.std(axis=0)
    x, y = ((rows - mean) / np.maximum(spread, spread.max() * SMALLEST_SPREAD) for rows in (real, made))
    return kid(x, y, groups) + crowding(x, y, groups)


OURS = "chosen"
Proxy = Callable[[Floats, Floats, NDArray[np.int64]], float]
PROXIES: dict[str, Proxy] = {
    OURS: lambda real, made, groups: distance(Reference(real, groups, held_out=False), made),
    "the same, not / covered": lambda real, made, groups: uncovered(real, made, groups),
    "KID to training": lambda real, made, groups: kid(real, made, groups),
    "distance of means": lambda real, made, groups: float(((real.mean(0) - made.mean(0)) ** 2).sum()),
    "coverage": lambda real, made, groups: -density_coverage(real, made, groups, k=3).coverage,
    "density": lambda real, made, groups: -min(1.0, density_coverage(real, made, groups, k=3).density),
}


def compare(name: str, work: Path) -> list[Row]:
    """Return a row a proxy from the checkpoints that were written."""
    real = np.load(work / f"{name}-real.npz")
    held, train_groups = real["held"].astype(np.float64), np.unique(real["train_groups"], return_inverse=True)[1]
    held_groups = np.unique(real["held_groups"], return_inverse=True)[1]
    shares = np.bincount(real["held_labels"])
    learnt = real["train"][:, COLUMNS[5]].astype(np.float64)
    yard: list[tuple[float, float, float]] = []
    values: dict[str, list[float]] = {proxy: [] for proxy in PROXIES}
    for file in sorted(work.glob(f"{name}-[0-9]*.npz")):
        made = np.load(file)
        classes = sum(key.startswith("y") for key in made.files)
        wanted = [int(shares[code] / shares.max() * len(made["y0"])) for code in range(classes)]
        shown = np.concatenate([made[f"y{code}"][: wanted[code]] for code in range(classes)]).astype(np.float64)
        other = np.concatenate([made[f"p{code}"][: 128 // classes] for code in range(classes)]).astype(np.float64)
        five, three = (kid(held[:, COLUMNS[k]], shown[:, COLUMNS[k]], held_groups) for k in (5, 3))
        covered = density_coverage(held[:, COLUMNS[5]], shown[:, COLUMNS[5]], held_groups).coverage
        yard.append((five, three, covered))
        for proxy, work_out in PROXIES.items():
            values[proxy].append(work_out(learnt, other[:, COLUMNS[5]], train_groups))
    fives, threes, covered_shares = (np.array(column) for column in zip(*yard, strict=True))
    print(f"{name}: KID to held-out images {' '.join(f'{value:.0f}' for value in fives)}")
    return [
        Row(
            name,
            proxy,
            len(fives),
            float(spearmanr(found, fives)[0]),
            float(fives[np.argmin(found)] - fives.min()),
            float(fives[-1] - fives.min()),
            float(fives.min()),
            float(spearmanr(found, threes)[0]),
            float(covered_shares[np.argmin(found)]),
            float(covered_shares.max()),
        )
        for proxy, found in values.items()
    ]


if __name__ == "__main__":
    main()
