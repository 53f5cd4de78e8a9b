"""Measure what it takes to judge images of another tool: audit and score of many 512x512 images against real ones.

Images are drawn and written as PNG. Then, in a process each, by its processor time: reading and reducing them all, and
the feature network over them all (its rate is measured on some); `audit` and `score` with an empty cache; and both
again with the cache that they left. What is told is the first call over reading and features alone, and the second
call over the first; and the largest memory of the process.

    python benchmarks/foreign.py [--generated N] [--real N] [--quick] [--folder DIR] [--json FILE]

With --folder, images and finished parts stay there, and the same command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import flawforge
from flawforge.core.images import resize
from flawforge.core.seeds import numpy_stream
from flawforge.data.decode import read_image
from flawforge.data.threads import in_threads
from flawforge.models.extractors import find_extractor
from machine import keep

SIDE, COMPARED = 512, 128
RATE = 256  # images that the rate of the feature network is measured on
QUICK = (400, 100)  # generated and real images


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--generated", type=int, default=10_000)
    parser.add_argument("--real", type=int, default=1_000)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK[0]} generated and {QUICK[1]} real images")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", choices=[*PARTS], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path)
    args = parser.parse_args()
    if args.only is not None:
        print(json.dumps(measured(PARTS[args.only], args.folder)))
        return
    generated, real = QUICK if args.quick else (args.generated, args.real)
    with tempfile.TemporaryDirectory() as place:
        folder = args.folder or Path(place)
        draw(folder / "real", real, 0)
        draw(folder / "made", generated, 1_000_000)
        found = {name: alone(name, part, folder) for name, part in CALLS}
    alone_seconds = found["reading and features"]["seconds"]
    first, second = (sum(found[f"{verb}, {call}"]["seconds"] for verb in VERBS) for call in ("first", "again"))
    for name, row in found.items():
        print(f"{name:24} {row['seconds']:8.1f} s of the processor, {row['wall']:8.1f} s, {row['megabytes']:6.0f} MB")
    figures = {
        "ratio": first / alone_seconds,
        "again": second / first,
        "megabytes": max(row["megabytes"] for row in found.values()),
    }
    keep(args.json, {"generated": generated, "real": real, "parts": found, **figures})
    print(f"{generated:,} generated, {real:,} real images: the second call takes {figures['again']:.3f} of the first")
    print(f"figure: ratio {figures['ratio']:.2f}")


def draw(folder: Path, count: int, first: int) -> None:
    """Draw surfaces, each of its own, as PNG; those that are there stay."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        path = folder / f"{index:05d}.png"
        if path.is_file():
            continue
        rng = numpy_stream(first + index, "samples", "foreign")
        coarse = Image.fromarray(rng.normal(0, 1, (SIDE // 4, SIDE // 4)).astype(np.float32))
        ground = np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC)) * 30 + rng.uniform(90, 140)
        pixels = np.clip(ground + rng.normal(0, 4, (SIDE, SIDE)), 0, 255).astype(np.uint8)
        begun = path.with_suffix(".part")
        Image.fromarray(pixels).save(begun, "PNG", compress_level=1)
        begun.rename(path)


def read_and_describe(folder: Path) -> float:
    """Return the processor seconds of reading and reducing all images, and of their features at the measured rate."""
    files = sorted(folder.glob("*/*.png"))
    start = time.process_time()
    kept = list(in_threads(lambda file: resize(read_image(file), COMPARED, COMPARED), files))
    reading = time.process_time() - start
    extractor = find_extractor("effnet-lite0")
    some = torch.from_numpy(np.stack(kept[:RATE]))[:, None].float() / 127.5 - 1
    extractor(some[:16])
    start = time.process_time()
    extractor(some)
    return reading + (time.process_time() - start) * len(files) / len(some)


def audited(folder: Path) -> None:
    """Audit."""
    flawforge.audit(folder / "real", synthetic=folder / "made")


def scored(folder: Path) -> None:
    """Score."""
    flawforge.score(folder / "real", synthetic=folder / "made")


PARTS: dict[str, Callable[[Path], Any]] = {"alone": read_and_describe, "audit": audited, "score": scored}
VERBS = ("audit", "score")
CALLS = (
    ("reading and features", "alone"),
    *((f"{verb}, {call}", verb) for call in ("first", "again") for verb in VERBS),
)


def measured(work: Callable[[Path], Any], folder: Path) -> dict[str, float]:
    """Return what some work takes in this process."""
    start, wall = time.process_time(), time.perf_counter()
    told = work(folder)
    seconds = told if isinstance(told, float) else time.process_time() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "wall": time.perf_counter() - wall, "megabytes": memory}


def alone(name: str, part: str, folder: Path) -> dict[str, float]:
    """Return what a part takes in a process of its own, with the cache in the folder, and keep it there."""
    kept = folder / f"{name}.json"
    if not kept.is_file():
        environment = {**os.environ, "FLAWFORGE_CACHE": str(folder / "cache")}
        words = [sys.executable, __file__, "--only", part, "--folder", str(folder)]
        done = subprocess.run(words, capture_output=True, text=True, check=True, env=environment)
        kept.write_text(done.stdout.splitlines()[-1])
    found: dict[str, float] = json.loads(kept.read_text())
    return found


if __name__ == "__main__":
    main()
