"""How are generated images best used? Shares, labels and filters beside classical transforms, on a trial's generators.

It takes a trial of `flawforge trial` with one number of shots in which generators were trained, and trains the small
network on each repeat's shots and generated images in other ways than the trial's arms: the test set, the shots, the
steps and the seeds are the trial's. A row is one way; its gain is paired with the first row, repeat by repeat. The test
images are looked at many times here, so that what wins must be confirmed on other data.

Ways are words with commas: `classical`, `pseudo-labelled` (labels of the pretrained teacher on shots and unlabelled
images), `labelled` (also on generated images), `asked` (generated images with the class that was asked for), and their
settings: `policy=NAME`, `share=0.5`, `own=0.5` (weight of the asked class in the label), `filter=none|agreeing|strict`.
`teacher` is the pretrained network with its probe itself (of tasks that tell the data's classes apart).

    python benchmarks/generated_use.py TRIAL [WAY ...] [--seeds 3] [--json FILE]

`figure: gain` is the last row's over the first, in points.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from flawforge.core.arrays import Floats32, Ints
from flawforge.core.seeds import derive
from flawforge.metrics.inference.classification import weighted_balanced_accuracy
from flawforge.runs.cells import CellKey, read_cells
from flawforge.studies.trial.cells.arm_training import ArmTraining
from flawforge.studies.trial.cells.generator import GeneratedBatch, Usage, marked
from flawforge.studies.trial.cells.work_list import GENERATOR
from flawforge.studies.trial.setup.bench import Bench, load_bench
from flawforge.training.classifier.fit import fit
from flawforge.training.classifier.labelled_images import LabelledImages
from machine import keep

USUAL = (
    "classical",
    "classical,policy=strong",
    "classical,policy=trivial",
    "pseudo-labelled",
    "asked,share=0.25",
    "labelled",
    "labelled,share=0.75",
    "labelled,own=0",
    "labelled,own=0,filter=none",
)
MODEL = "small-cnn"
KINDS = ("classical", "pseudo-labelled", "labelled", "asked", "teacher")


def other_images(arms: ArmTraining, made: GeneratedBatch, kind: str, asked: dict[str, str]) -> LabelledImages | None:
    """Return what stands beside the shots."""
    if kind == "classical":
        return None
    if kind == "pseudo-labelled":
        return LabelledImages(*arms.views)
    usage = Usage.model_validate({"name": kind, "share": 0.5, "filter": asked.get("filter", "agreeing")})
    rows = made.chosen(usage, arms.bench.targets(made.labels))
    wanted = arms.as_asked(made, rows)
    if kind == "asked":
        return wanted
    own = float(asked.get("own", "0.5"))
    assert made.soft is not None
    told = arms.of_task(torch.from_numpy(made.soft[rows]))
    labels = own * wanted.soft(arms.width, 0.0) + (1 - own) * told
    return LabelledImages(torch.cat([arms.views[0], wanted.images]), torch.cat([arms.views[1], labels]))


def balanced_accuracy(outputs: Floats32, labels: Ints) -> float:
    """Return the mean recall of the classes."""
    return float(weighted_balanced_accuracy(outputs.astype(np.float64), labels, np.ones((1, len(labels))))[0])


def measure(bench: Bench, made: GeneratedBatch, seed: int, way: str) -> float:
    """Return the balanced accuracy of one way in one repeat."""
    kind, *words = way.split(",")
    asked = dict(word.split("=", 1) for word in words)
    shots = bench.shots(seed, bench.settings.shots[0])
    test = bench.division.test
    labels = bench.targets(bench.dataset.labels[test])
    arms = ArmTraining(
        bench, shots, derive(bench.settings.seed, "weights", "trial", seed, bench.settings.shots[0]), MODEL
    )
    if kind == "teacher":
        return balanced_accuracy(arms.predictions(arms.teacher, test), labels)
    if "policy" in asked:
        arms.settings = arms.settings.model_copy(update={"policy": asked["policy"]})
    elif kind in ("pseudo-labelled", "labelled"):
        arms.settings = arms.teacher_settings
    other = other_images(arms, marked(bench, shots, made), kind, asked)
    share = 0.0 if other is None else float(asked.get("share", "0.5"))
    network = fit(arms.settings, arms.real, arms.width, arms.seed, other, share)
    return balanced_accuracy(arms.predictions(network, test), labels)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trial", type=Path)
    parser.add_argument("ways", nargs="*", default=list(USUAL))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    for way in args.ways:
        if way.split(",")[0] not in KINDS:
            raise SystemExit(f"no way is named {way.split(',')[0]!r}; there are {', '.join(KINDS)}")
    torch.set_num_threads(args.threads)
    bench = load_bench(args.trial)
    cells = read_cells(args.trial / "cells", bench.protocol)
    known = json.loads(args.json.read_text())["cells"] if args.json and args.json.exists() else {}
    found: dict[str, list[float]] = {}
    print(f"{'way':44}{'balanced accuracy':>18}{'gain, points':>16}")
    for way in args.ways:
        for seed in range(args.seeds):
            key = f"{way} | {seed} | {bench.protocol[:12]}"
            if key not in known:
                made = cells.get(CellKey(seed, bench.settings.shots[0], GENERATOR))
                if made is None:
                    raise SystemExit(f"{args.trial} has no generator of repeat {seed} yet")
                known[key] = measure(bench, GeneratedBatch.from_arrays(dict(made.arrays)), seed, way)
                keep(args.json, {"cells": known})
            found.setdefault(way, []).append(100 * known[key])
        gains = np.subtract(found[way], found[args.ways[0]])
        spread = f" ±{gains.std(ddof=1):4.1f}" if args.seeds > 1 else ""
        print(f"{way:44}{np.mean(found[way]):18.1f}{gains.mean():+10.1f}{spread}", flush=True)
    print(f"figure: gain {np.mean(np.subtract(found[args.ways[-1]], found[args.ways[0]])):.2f}")


if __name__ == "__main__":
    main()
