"""Time the audit's nearest training images beside the published check written as a Python loop over pairs.

The check: for each generated image, rank every training image by Euclidean distance in pixel space on the first
channel, at the size of the generated images. 1,000 generated images (PNG, 128x128) and 300 training images (JPEG,
200x200 in three channels) of drawn scratches; one core. Two ways to write the loop:

- the training images are read and resized once, and a loop over pairs subtracts arrays in memory;
- each training image is opened, decoded and resized again for each pair, as a function from two files to a distance.

The loop that opens each is timed on some of the generated images against all training images, and scaled to 1,000 by
the number of pairs: it does the same for each. The others do the whole; ours opens, decodes and resizes each of the
1,300 images once, and ranks all. Then the search alone, all images in memory on both sides: ours (uint8, as the audit
holds them), and the loop (float32, as it is written). The figure is the whole of the loop that opens each, over the
whole of ours. The last column says how often the nearest training image is the one that ours names; the loops resize by
Pillow.

    python benchmarks/published_check.py [--quick] [--rounds 5] [--json FILE]
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import io
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from flawforge.core.images import encode_png, resize
from flawforge.data.decode import read_image
from flawforge.data.threads import in_threads
from flawforge.metrics.neighbours.nearest import nearest_flipped
from machine import keep, timed
from neighbours import draw

GENERATED, TRAINING, SIDE, K = 1000, 300, 128, 5
WHOLE, OPENING = "ours, decoding each image once", "loop over pairs, opening each"
ALONE, PAIRS = "search alone, in memory: ours", "search alone, in memory: loop over pairs"
Ranked = NDArray[np.int64]


def write(folder: Path) -> tuple[list[Path], list[Path]]:
    """Write the images; return the generated and the training files."""
    made, real = [], []
    for index, image in enumerate(draw(GENERATED, 2, SIDE)):
        made.append(folder / f"generated_{index}.png")
        made[-1].write_bytes(encode_png(image, "L"))
    for index, image in enumerate(draw(TRAINING, 1, 200)):
        buffer = io.BytesIO()
        Image.fromarray(image).convert("RGB").save(buffer, "JPEG", quality=90)
        real.append(folder / f"training_{index}.jpg")
        real[-1].write_bytes(buffer.getvalue())
    return made, real


def first_channel(file: Path) -> NDArray[np.float32]:
    """Open, decode and resize one image, as a script does."""
    with Image.open(file) as image:
        resized = image.convert("RGB").resize((SIDE, SIDE))
    return np.asarray(resized, dtype=np.float32)[..., 0] / 127.5 - 1


def in_memory(made: list[Path], real: list[Path]) -> Ranked:
    """Read all once, then loop over pairs."""
    training = [first_channel(file) for file in real]
    ranked = []
    for file in made:
        image = first_channel(file)
        distances = [float(np.sqrt(np.sum((image - other) ** 2))) for other in training]
        ranked.append(np.argsort(distances, kind="stable")[:K])
    return np.array(ranked)


def opening_each(made: list[Path], real: list[Path]) -> Ranked:
    """Open the training image again for each pair."""
    ranked = []
    for file in made:
        image = first_channel(file)
        distances = [float(np.sqrt(np.sum((image - first_channel(other)) ** 2))) for other in real]
        ranked.append(np.argsort(distances, kind="stable")[:K])
    return np.array(ranked)


def ours(made: list[Path], real: list[Path]) -> Ranked:
    """Decode each image once, and rank."""
    queries, references = (torch.from_numpy(np.stack(list(in_threads(_seen, files)))) for files in (made, real))
    return nearest_flipped(queries, references, K, ("identity",)).indices


def search_alone(queries: torch.Tensor, references: torch.Tensor) -> Ranked:
    """Rank images in memory."""
    return nearest_flipped(queries, references, K, ("identity",)).indices


def loop_alone(queries: NDArray[np.float32], references: NDArray[np.float32]) -> Ranked:
    """Loop over pairs of images in memory."""
    ranked = []
    for image in queries:
        distances = [float(np.sqrt(np.sum((image - other) ** 2))) for other in references]
        ranked.append(np.argsort(distances, kind="stable")[:K])
    return np.array(ranked)


def _seen(file: Path) -> NDArray[np.unsignedinteger]:
    image = read_image(file)
    return resize(image if image.ndim == 2 else np.ascontiguousarray(image[..., 0]), SIDE, SIDE)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="3 rounds, half the pairs in the slowest loop")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    rounds, part = (3, 2) if asked.quick else (asked.rounds, 1)
    with tempfile.TemporaryDirectory() as place:
        made, real = write(Path(place))
        queries, references = (torch.from_numpy(np.stack([_seen(file) for file in files])) for files in (made, real))
        floats = [side.numpy().astype(np.float32) / 127.5 - 1 for side in (queries, references)]
        ways: dict[str, tuple[Callable[[int], Ranked], int]] = {
            WHOLE: (lambda n: ours(made[:n], real), GENERATED),
            "loop over pairs, arrays in memory": (lambda n: in_memory(made[:n], real), GENERATED),
            OPENING: (lambda n: opening_each(made[:n], real), 6 // part),
            ALONE: (lambda n: search_alone(queries[:n], references), GENERATED),
            PAIRS: (lambda n: loop_alone(floats[0][:n], floats[1]), GENERATED),
        }
        expected = ours(made, real)
        same = {name: float((way(n)[:, 0] == expected[:n, 0]).mean()) for name, (way, n) in ways.items()}
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, (way, n) in ways.items():
                seconds[name].append(timed(partial(way, n), time.process_time) * GENERATED / n)
    whole = {name: statistics.median(taken) for name, taken in seconds.items()}
    print(f"{GENERATED:,} generated, {TRAINING} training images, {SIDE}x{SIDE}, one core, {rounds} rounds")
    print(f"{'':40}{'timed pairs':>12}{'processor s, all':>17}{'ratio':>9}{'same first':>12}")
    ratios = {}
    for name, (_, n) in ways.items():
        ratios[name] = whole[name] / whole[ALONE if name in (ALONE, PAIRS) else WHOLE]
        print(f"{name:40}{n * TRAINING:12,}{whole[name]:17.3f}{ratios[name]:9.0f}{same[name]:12.2%}")
    opened = whole[OPENING] / whole[ALONE]
    print(f"the loop that opens each image, over our search alone: {opened:.0f}")
    speedup = ratios[OPENING]
    keep(
        asked.json,
        {"seconds": seconds, "ratios": ratios, "opening_to_search": opened, "same_first": same, "speedup": speedup},
    )
    print(f"figure: speedup {speedup:.0f}")


if __name__ == "__main__":
    main()
