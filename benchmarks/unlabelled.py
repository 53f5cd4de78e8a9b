"""Do unlabelled images of the same line help, when each class has few of its own?

NEU-DET, six classes. By whole pieces of material, four in ten images are held out; of the rest, a few of each class are
learnt with their classes, and all others without (`--unlabelled`). Both arms train as long, from the same seed. Printed
is the KID of 128 generated images a class to the held-out ones, over all classes and as the mean of the classes', in
the features of the score and, as a second opinion, in those of an earlier stage.

    python benchmarks/unlabelled.py --work DIR [--shots 10] [--kimg 5] [--seeds 0] [--quick] [--json FILE]

It goes on in DIR where it stopped. `figure: kid_ratio` is with over without, in the score's features, over the seeds.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from flawforge.core.progress import SILENT
from flawforge.data.dataset import Dataset
from flawforge.data.reading.load import load
from flawforge.data.sampling.splits import propose_split
from flawforge.metrics.fidelity.kid import kid
from flawforge.models.efficientnet import Backbone, load_backbone
from flawforge.models.extractors import features
from flawforge.runs.checkpoint import find_checkpoint
from flawforge.studies.synthesis.sampler import Sampler
from flawforge.training.train import train
from machine import keep

DATA = Path(os.environ.get("FLAWFORGE_DATA", "../shared/data")) / "neu-det"
SIDE = 64
STAGES = {"score": 5, "texture": 3}
Ints = NDArray[np.int64]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="scratch folder, gone on with")
    parser.add_argument("--shots", type=int, default=10)
    parser.add_argument("--kimg", type=float, default=5.0)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    parser.add_argument("--quick", action="store_true", help="0.5 kimg")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    kimg = 0.5 if args.quick else args.kimg
    if not DATA.is_dir():
        print(f"no images at {DATA}: set FLAWFORGE_DATA")
        return
    whole = load(DATA)
    groups, backbone = whole.groups(), load_backbone()
    rows: list[dict[str, Any]] = []
    for seed in args.seeds:
        split = propose_split(whole.labels, groups, fractions=(0.6, 0.0, 0.4), seed=seed)
        pool = whole.take(split.train)
        chosen = pool.select(None, args.shots, seed)
        own = {sample.sha256 for sample in chosen.samples}
        rest = pool.take(i for i, sample in enumerate(pool.samples) if sample.sha256 not in own)
        held = described(whole.take(split.test), backbone)
        for arm, unlabelled in (("without", None), ("with", rest)):
            run = train(
                chosen,
                args.work / f"{arm}-{args.shots}-{seed}",
                "fewshot",
                unlabelled=unlabelled,
                kimg=kimg,
                seed=seed,
                resume=True,
                previews=4,
                progress=SILENT,
            )
            for which in ("best", "newest"):
                sampler = Sampler(run, find_checkpoint(run, which), torch.device("cpu"))
                row = {
                    "seed": seed,
                    "arm": arm,
                    "unlabelled": len(rest) if unlabelled else 0,
                    "checkpoint": which,
                    "kimg": sampler.checkpoint.facts["kimg"],
                }
                row |= judged(sampler, held, whole.labels[split.test], groups[split.test], backbone)
                rows.append(row)
                print("  ".join(f"{key} {told(value)}" for key, value in row.items()), flush=True)
    mean = {
        arm: np.mean([row["score"] for row in rows if (row["arm"], row["checkpoint"]) == (arm, "best")])
        for arm in ("with", "without")
    }
    keep(args.json, {"shots": args.shots, "kimg": kimg, "rows": rows})
    print(f"figure: kid_ratio {mean['with'] / mean['without']:.3f}")


def told(value: object) -> str:
    """Return a value in words, with one digit after the point."""
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def described(data: Dataset, backbone: Backbone) -> dict[str, NDArray[np.float64]]:
    """Return the features of real images at the network's size, by stage."""
    pixels = data.pixels((SIDE, SIDE), 1)[:, None].astype(np.float32) / (data.white / 2) - 1
    return _features(pixels, backbone)


def judged(
    sampler: Sampler, held: dict[str, NDArray[np.float64]], labels: Ints, groups: Ints, backbone: Backbone
) -> dict[str, float]:
    """Return the distances of what a generator makes to the held-out images."""
    made = [np.concatenate([sampler.images(1, label, k) for k in range(2)])[:128] for label in sampler.classes]
    found = [_features(images, backbone) for images in made]
    group = np.unique(groups, return_inverse=True)[1]
    result = {}
    for name in STAGES:
        every = np.concatenate([one[name] for one in found])
        result[name] = kid(held[name], every, group)
        each = [kid(held[name][labels == k], found[k][name], group[labels == k]) for k in range(len(found))]
        result[f"{name}, classes"] = float(np.mean(each))
    return result


def _features(images: NDArray[np.float32], backbone: Backbone) -> dict[str, NDArray[np.float64]]:
    return {
        name: features([torch.from_numpy(images)], backbone, (stage,)).double().numpy()
        for name, stage in STAGES.items()
    }


if __name__ == "__main__":
    main()
