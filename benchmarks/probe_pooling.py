"""Compare what `effnet-probe` could see of EfficientNet-Lite0's maps: means, maxima or deviations over all places.

Features of all images are worked out once, without transforms; a logistic regression on the standardised features of a
few images a class is tested on other groups, the same for all.

    python benchmarks/probe_pooling.py [--data FOLDER] [--side 64] [--shots 5,10,20] [--seeds 6] [--json FILE]

The figure is the gain in points of balanced accuracy of means and deviations over means alone, mean over the shots.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from flawforge.data.dataset import Dataset
from flawforge.data.grouping.shots import draw_shots
from flawforge.data.reading.load import load
from flawforge.data.sampling.splits import propose_split
from flawforge.models.classifier import PROBE_SIDE, STAGE
from flawforge.models.efficientnet import load_backbone
from machine import keep

PENALTY = 0.01  # of the squared weights
WAYS = {"mean": ["mean"], "max": ["max"], "mean, max": ["mean", "max"], "mean, deviation": ["mean", "deviation"]}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=str(Path(os.environ.get("FLAWFORGE_DATA", "../shared/data")) / "neu-det"))
    parser.add_argument("--side", type=int, default=64, help="pixels that images are reduced to first")
    parser.add_argument("--shots", default="5,10,20")
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    data = load(args.data)
    labels, groups = data.labels, data.groups()
    split = propose_split(labels, groups, fractions=(0.6, 0, 0.4))
    features = _features(data, args.side)
    shots: list[int | None] = [*(int(word) for word in args.shots.split(",")), None]
    print(f"\n{Path(args.data).name} at {args.side} pixels, {args.seeds} draws, {len(split.test)} test images;")
    print("balanced accuracy in %, mean and deviation over the draws\n")
    print(f"{'pooled':18}" + "".join(f"{count or 'all':>14}" for count in shots))
    table: dict[str, list[float]] = {}
    for way, parts in WAYS.items():
        columns = torch.cat([features[part] for part in parts], 1)
        row = f"{way:18}"
        for count in shots:
            found = []
            for seed in range(args.seeds if count else 1):
                pool = split.train
                drawn = pool[draw_shots(labels[pool], data.classes, groups[pool], count, seed)] if count else pool
                found.append(100 * _accuracy(columns, labels, drawn, split.test))
            table.setdefault(way, []).append(float(np.mean(found)))
            row += f"{np.mean(found):8.1f}" + (f" ±{np.std(found, ddof=1):4.1f}" if len(found) > 1 else "      ")
        print(row, flush=True)
    gain = float(np.mean(table["mean, deviation"][:-1]) - np.mean(table["mean"][:-1]))
    keep(args.json, {"data": args.data, "side": args.side, "shots": shots, "accuracy": table, "gain": gain})
    print(f"figure: pooling_gain {gain:.2f}")


@torch.inference_mode()
def _features(data: Dataset, side: int) -> dict[str, Tensor]:
    """Return (N, 112) means, maxima and deviations of the maps of all images."""
    backbone = load_backbone().eval()
    pixels = torch.from_numpy(data.pixels((side, side), 1).astype(np.float32) / data.white * 2 - 1)[:, None]
    found: dict[str, list[Tensor]] = {"mean": [], "max": [], "deviation": []}
    for images in torch.split(pixels, 32):
        if side < PROBE_SIDE:
            images = F.interpolate(images, (PROBE_SIDE, PROBE_SIDE), mode="bilinear", align_corners=False)
        maps = backbone.forward_stages(images, STAGE)[-1]
        found["mean"].append(maps.mean((2, 3)))
        found["max"].append(maps.amax((2, 3)))
        found["deviation"].append(maps.var((2, 3), correction=0).sqrt())
    return {name: torch.cat(parts).clone() for name, parts in found.items()}


def _accuracy(features: Tensor, labels: NDArray[np.int64], drawn: NDArray[np.int64], test: NDArray[np.int64]) -> float:
    """Return balanced accuracy on `test` of a class-balanced logistic regression on `drawn`."""
    classes = np.unique(labels)
    mean, deviation = features[drawn].mean(0), features[drawn].std(0).clamp_min(1e-6)
    inputs, targets = (features - mean) / deviation, torch.from_numpy(labels)
    balance = torch.from_numpy(len(drawn) / len(classes) / np.bincount(labels[drawn], minlength=len(classes))).float()
    layer = torch.zeros(inputs.shape[1] + 1, len(classes), requires_grad=True)
    optimiser = torch.optim.LBFGS([layer], max_iter=60, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        logits = inputs[drawn] @ layer[1:] + layer[0]
        value = F.cross_entropy(logits, targets[drawn], balance) + PENALTY * layer[1:].square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        right = (inputs[test] @ layer[1:] + layer[0]).argmax(1).numpy() == labels[test]
    return float(np.mean([right[labels[test] == code].mean() for code in classes]))


if __name__ == "__main__":
    main()
