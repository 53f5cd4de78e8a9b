"""Compare classical policies and settings of an inspection model, with few images a class and a group-safe test.

The test set is fixed first, by groups, and is the same for all; each seed draws its shots from the other groups. A row
is one arm: settings named in `ARMS`. Finished fits are kept in the file that --json names, so the program goes on
where it stopped; take a new file when the code has changed. Seconds are processor time.

    python benchmarks/classical_policies.py [--quick] [--json FILE] [--data FOLDER] [--shots 5,10,20] [--seeds 3]
        [--arms none,light,strong] [--model small-cnn] [--steps 900]

The figure is the part of the error of no transforms at all that the default policy removes, over all shots and seeds.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import hashlib
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from flawforge.core.settings.classifiers import ClassifierSettings
from flawforge.core.settings.policies import STRONG, TRIVIAL
from flawforge.data.dataset import Dataset
from flawforge.data.grouping.shots import draw_shots
from flawforge.data.reading.load import load
from flawforge.data.sampling.splits import propose_split
from flawforge.training.classifier.fit import BEST, fit, predict
from flawforge.training.classifier.labelled_images import LabelledImages
from machine import keep

TEST = 0.4  # of the images, whole groups
DEFAULT = "auto"


def strong(**changes: Any) -> dict[str, Any]:
    """Return the settings of the strong policy with changes."""
    return {"policy": STRONG.model_copy(update=changes)}


def variant(name: str, **changes: Any) -> dict[str, Any]:
    """Return the settings of another small network, trained as `small-cnn` is."""
    return {"model": f"classifier_variants:{name}", "lr": BEST["small-cnn"][0], "policy": "strong", **changes}


ARMS: dict[str, dict[str, Any]] = {
    "none": {"policy": "none"},
    "mirrors": {"policy": "mirrors"},
    "light": {"policy": "light"},
    "strong": {"policy": "strong"},
    "trivial": {"policy": "trivial"},
    DEFAULT: {},
    "trivial-mixup": {"policy": TRIVIAL.model_copy(update={"mixup": 1.0})},
    "trivial-cutmix": {"policy": "trivial-cutmix"},
    "trivial-both": {"policy": TRIVIAL.model_copy(update={"mixup": 1.0, "cutmix": 1.0})},
    "turned": strong(quarter_turns=True),
    "often": strong(chance=0.8),
    "mixup": strong(mixup=0.4),
    "cutmix": strong(cutmix=1.0),
    "smoothed": {"label_smoothing": 0.1},
    "averaged": {"ema_kimg": 2.0},
    "slow": {"lr": 1e-3},
    "fast": {"lr": 5e-3},
    "tuned-1e-4": {"model": "effnet-finetune", "lr": 1e-4},
    "tuned-5e-4": {"model": "effnet-finetune", "lr": 5e-4},
    "tuned-1e-3": {"model": "effnet-finetune", "lr": 1e-3},
    "long": {"steps": 1800},
    "128": {"resolution": (128, 128)},
    "256": {"resolution": (256, 256)},
    "both": variant("both"),
    "largest": variant("largest"),
    "spread": variant("spread"),
    "as-it-is": variant("as_it_is"),
}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=str(Path(os.environ.get("FLAWFORGE_DATA", "../shared/data")) / "neu-det"))
    parser.add_argument("--shots", default="5,10,20")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--arms", default=",".join(ARMS))
    parser.add_argument("--model", default="small-cnn")
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--classes", help="these alone, e.g. defective,good of elpv")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="10 shots, 1 seed, 'none' and the default policy")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if args.quick:
        args.shots, args.seeds, args.arms = "10", 1, f"none,{DEFAULT}"
    torch.set_num_threads(args.threads)

    data = load(args.data)
    base = {"model": args.model, "steps": args.steps}
    if args.classes:
        data = data.select(args.classes.split(","))
    what = " ".join(filter(None, [Path(args.data).name, args.classes]))
    labels, groups = data.labels, data.groups()
    images: dict[tuple[int, int], torch.Tensor] = {}
    split = propose_split(labels, groups, fractions=(1 - TEST, 0, TEST))
    cells = json.loads(args.json.read_text())["cells"] if args.json and args.json.exists() else {}
    shots = [int(word) for word in args.shots.split(",")]
    arms = args.arms.split(",")
    for seed in range(args.seeds):
        for count in shots:
            pool = split.train
            chosen = pool[draw_shots(labels[pool], data.classes, groups[pool], count, seed)]
            for arm in arms:
                settings = ClassifierSettings(**{**base, **ARMS[arm]})
                key = _key(what, settings, count, seed, arm)
                if key not in cells:
                    if settings.resolution not in images:
                        images[settings.resolution] = _read(data, settings.resolution)
                    seen = images[settings.resolution]
                    cells[key] = _run(settings, seen, labels, chosen, split.test, len(data.classes), seed)
                    keep(args.json, {"cells": cells})
                    print(f"{key:60}{100 * cells[key]['accuracy']:7.2f} {cells[key]['seconds']:7.1f} s", flush=True)

    print(f"\n{what}, {args.model}, {args.steps} steps, {args.seeds} seeds, {len(split.test)} test images;")
    print("balanced accuracy in %, mean and, from two seeds, deviation over seeds\n")
    print(f"{'shots':12}" + "".join(f"{count:>16}" for count in shots))
    errors: dict[str, list[float]] = {}
    for arm in arms:
        row, settings = f"{arm:12}", ClassifierSettings(**{**base, **ARMS[arm]})
        for count in shots:
            keys = [_key(what, settings, count, seed, arm) for seed in range(args.seeds)]
            found = [100 * cells[key]["accuracy"] for key in keys]
            errors.setdefault(arm, []).extend(100 - value for value in found)
            row += f"{np.mean(found):10.2f}" + (f" ±{np.std(found, ddof=1):4.2f}" if args.seeds > 1 else " " * 6)
        print(row)
    if {"none", DEFAULT} <= errors.keys():
        print(f"figure: error_removed {1 - np.mean(errors[DEFAULT]) / np.mean(errors['none']):.3f}")


def _key(what: str, settings: ClassifierSettings, count: int, seed: int, arm: str) -> str:
    """Name a fit; other settings, also of the policy that a name stands for, make another name."""
    said = settings.model_dump_json() + settings.transforms.model_dump_json()
    digest = hashlib.sha256(said.encode()).hexdigest()[:8]
    return f"{what} {settings.model} {settings.steps} {count} {seed} {arm} {digest}"


def _read(data: Dataset, resolution: tuple[int, int]) -> torch.Tensor:
    """Return images (N, C, H, W) uint8."""
    pixels = data.pixels(resolution, data.channels).astype(np.uint8)
    images = pixels[:, None] if pixels.ndim == 3 else pixels.transpose(0, 3, 1, 2)
    return torch.from_numpy(np.ascontiguousarray(images))


def _run(
    settings: ClassifierSettings,
    images: torch.Tensor,
    labels: NDArray[np.int64],
    chosen: NDArray[np.int64],
    test: NDArray[np.int64],
    classes: int,
    seed: int,
) -> dict[str, float]:
    """Return balanced accuracy on the test set, and the seconds of the fit."""
    start = time.process_time()
    network = fit(settings, LabelledImages(images[chosen], torch.from_numpy(labels[chosen])), classes, seed)
    seconds = time.process_time() - start
    right = predict(network, images[test]).argmax(1).numpy() == labels[test]
    each = [float(right[labels[test] == code].mean()) for code in np.unique(labels[test])]
    return {"accuracy": float(np.mean(each)), "seconds": seconds}


if __name__ == "__main__":
    main()
