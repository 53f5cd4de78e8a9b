"""How far images change along principal directions of a run's latent: those of `interpolate`, and what lost.

For each way of finding directions, the root mean square difference in gray levels between both sides (2 standard
deviations each) of 48 images along directions 1, 2, 3, 5, 10 and 20, beside random directions.

    python benchmarks/directions.py RUN [--json FILE]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from flawforge.core.progress import SILENT
from flawforge.models.directions import principal_directions
from flawforge.models.latents import draw_latents, generated_images
from flawforge.runs.checkpoint import BEST, load_weights
from flawforge.runs.folder import Run
from flawforge.studies.synthesis import Sampler
from machine import keep

SHOWN = (1, 2, 3, 5, 10, 20)
SIDES = 2.0
IMAGES = 48


def from_weights(start: Tensor) -> Tensor:
    """Return the directions of SeFa (2007.06600, eq. 4), of the weights (M, L) that first meet the latent."""
    vectors: Tensor = torch.linalg.eigh(start.T.double() @ start.double())[1]
    return vectors.T.flip(0).float()


def change(sampler: Sampler, direction: Tensor) -> float:
    """Return how far images are apart at both ends of a direction, in gray levels."""
    size = len(direction)
    middle = draw_latents(0, "samples", [("middle", index) for index in range(IMAGES)], size)
    labels = torch.zeros(IMAGES, dtype=torch.int64)
    ends = [
        generated_images(sampler.network, middle + side * direction, labels, sampler.batch, sampler.device)
        for side in (-SIDES, SIDES)
    ]
    return float((ends[1] - ends[0]).square().mean((1, 2, 3)).sqrt().mean() * 127.5)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    run = Run.open(args.run)
    weights, tensors = load_weights(run, BEST, SILENT)
    sampler = Sampler(run, weights, torch.device("cpu"), tensors)
    size = sampler.recipe.latent
    start: Tensor = next(
        weight for name, weight in sampler.network.named_parameters() if name.startswith(("start", "layers"))
    )
    start = start.flatten(1).T if start.dim() == 4 else start[:, :size]
    ways = {
        "images on latents": principal_directions(sampler.network, size, 0, sampler.batch, sampler.device),
        "first weights (SeFa)": from_weights(start),
        "random": F.normalize(torch.randn(size, size, generator=torch.Generator().manual_seed(0)), dim=1),
    }
    print(f"{'gray levels along direction':30}" + "".join(f"{number:7}" for number in SHOWN))
    kept = {}
    for name, directions in ways.items():
        kept[name] = [change(sampler, directions[number - 1]) for number in SHOWN if number <= size]
        print(f"{name:30}" + "".join(f"{value:7.1f}" for value in kept[name]))
    keep(args.json, {"directions": list(SHOWN), "change": kept})


if __name__ == "__main__":
    main()
