"""Time `features` beside the bare network: what streaming, converting and collecting cost, and what the layout gains.

`features` takes uint8 blocks of a length that is no multiple of the batch; the bare network's forward gets float
batches that are ready, to the same stage. Both run in alternation, warm. Beside them the bare network with batch norm
folded or not, channels-last or not, and `features` with 1 and N threads.

    python benchmarks/features.py [--quick] [--json FILE] [--images 256] [--size 128] [--rounds 7] [--threads N]
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from flawforge.core.seeds import torch_stream
from flawforge.models.efficientnet import Backbone, load_backbone
from flawforge.models.extractors import BATCH, features
from machine import keep, median_ratio, timed

STAGE = 5
BLOCK = 50  # images that the stream gives at a time


def bare(backbone: Backbone, batches: list[Tensor]) -> None:
    """Run the network alone."""
    with torch.inference_mode():
        for batch in batches:
            backbone.forward_stages(batch, STAGE)
        if batches[0].is_cuda:
            torch.cuda.synchronize()


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--size", type=int, default=128, help="height and width in pixels (default 128)")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--quick", action="store_true", help="96 images, 3 rounds")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if args.quick:
        args.images, args.rounds = 96, 3
    torch.set_num_threads(args.threads)

    shape = (args.images, 1, args.size, args.size)
    pixels = torch.randint(0, 256, shape, generator=torch_stream(0, "samples"), dtype=torch.uint8)
    batches = [part.to(args.device).float() / 127.5 - 1 for part in torch.split(pixels, args.batch)]
    backbone = load_backbone().to(args.device)
    unfolded = load_backbone(fold=False).to(args.device)
    blocked = load_backbone(channels_last=False).to(args.device)
    neither = load_backbone(fold=False, channels_last=False).to(args.device)
    works = {
        "bare network": lambda: bare(backbone, batches),
        "features": lambda: features(torch.split(pixels, BLOCK), backbone, (STAGE,), batch=args.batch),
        "bare, not folded": lambda: bare(unfolded, batches),
        "bare, not channels-last": lambda: bare(blocked, batches),
        "bare, neither": lambda: bare(neither, batches),
    }
    times = alternate(works, args.rounds)
    threads = sorted({1, args.threads}) if args.device == "cpu" else []
    for count in threads:
        torch.set_num_threads(count)
        times[f"features, threads: {count}"] = alternate({"": works["features"]}, args.rounds)[""]
    torch.set_num_threads(args.threads)

    print(f"{args.images} images of {args.size}x{args.size}, stage {STAGE}, batch {args.batch}, threads {args.threads}")
    print(f"\n{'':28}{'images/s':>10}{'bare / it':>11}")
    rows = {}
    for name, seconds in times.items():
        rate = args.images / statistics.median(seconds)
        share = median_ratio(times["bare network"], seconds)
        rows[name] = {"seconds": seconds, "images_per_second": rate, "share": share}
        print(f"{name:28}{rate:10.1f}{share:11.2f}")
    print("\nMedians; the last column is the median of the round-by-round ratios (goal for `features`: 0.80 or more).")
    keep(
        args.json,
        {
            "images": args.images,
            "size": args.size,
            "batch": args.batch,
            "threads": args.threads,
            "device": args.device,
            "rows": rows,
        },
    )
    print(f"figure: share {rows['features']['share']:.3f}")


def alternate(works: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each work in each round, after one round that is not counted."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for lap in range(rounds + 1):
        for name, work in works.items():
            seconds = timed(work)
            if lap:
                times[name].append(seconds)
    return times


if __name__ == "__main__":
    main()
