"""Time the audit's nearest neighbours beside the plain loop of the published check, and faiss where it is installed.

Drawn scratches: 1,000 generated images and 300 real ones at 128x128, the four flips, 5 neighbours. All on one thread,
in turns, warm, in one process. The plain loop subtracts every real image, at every flip, from each generated one
(float32). Every fiftieth generated image is a mirrored copy: its distance is 0, and the last column shows what each way
makes of it. Distances are in pixel values.

With --vectors: 10,000 x 10,000 drawn feature vectors of 2,048 numbers instead (--quick: 2,000 x 2,000), against faiss's
flat index on the same core, with the memory that each takes beside the vectors (each way in a process of its own).

    python benchmarks/neighbours.py [--vectors] [--quick] [--rounds 5] [--json FILE]
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from flawforge.metrics.neighbours.nearest import nearest_flipped
from machine import keep, median_ratio, timed

K = 5
WIDTH = 2048  # numbers of a feature vector
FLIPS = ("identity", "flip-horizontal", "flip-vertical", "turn-180")
Found = tuple[NDArray[np.float64], NDArray[np.int64]]


def draw(n: int, seed: int, side: int = 128) -> NDArray[np.uint8]:
    """Return (n, side, side) images of bright lines on an uneven ground."""
    rng = np.random.default_rng(seed)
    images = rng.normal(0, 12, (n, side, side)) + rng.uniform(60, 140, (n, 1, 1))
    for image in images:
        for _ in range(rng.integers(1, 5)):
            image[:, rng.integers(side - 4) :][:, :4] += rng.uniform(30, 90)
    return np.clip(images, 0, 255).astype(np.uint8)


def plain(generated: NDArray[np.uint8], real: NDArray[np.uint8]) -> Found:
    """Rank all real images for each generated one, as the published check says, at the best flip of each."""
    reals = real.astype(np.float32)
    flipped = [np.ascontiguousarray(one) for one in (reals, reals[:, :, ::-1], reals[:, ::-1], reals[:, ::-1, ::-1])]
    distances, indices = [], []
    for image in generated.astype(np.float32):
        tables = [np.sqrt(((one - image) ** 2).sum(axis=(1, 2))) for one in flipped]
        row = np.min(tables, axis=0)
        order = np.argsort(row, kind="stable")[:K]
        distances.append(row[order])
        indices.append(order)
    return np.array(distances, dtype=np.float64), np.array(indices)


def ours(generated: NDArray[np.uint8], real: NDArray[np.uint8]) -> Found:
    """Call the metric."""
    found = nearest_flipped(torch.from_numpy(generated), torch.from_numpy(real), K, FLIPS)
    return found.distances, found.indices


def faiss_flat(generated: NDArray[np.uint8], real: NDArray[np.uint8]) -> Found:
    """Search an exact faiss index of all flips; a real image counts once, so more neighbours are asked for."""
    faiss = import_module("faiss")
    faiss.omp_set_num_threads(1)
    flat = [one.reshape(len(real), -1) for one in (real, real[:, :, ::-1], real[:, ::-1], real[:, ::-1, ::-1])]
    index = faiss.IndexFlatL2(flat[0].shape[1])
    for one in flat:
        index.add(np.ascontiguousarray(one, dtype=np.float32))
    squares, places = index.search(generated.reshape(len(generated), -1).astype(np.float32), K * len(FLIPS))
    distances, indices = np.zeros((len(generated), K)), np.zeros((len(generated), K), dtype=np.int64)
    for row, (values, names) in enumerate(zip(squares, places % len(real), strict=True)):
        _, first = np.unique(names, return_index=True)
        kept = np.sort(first)[:K]
        distances[row], indices[row] = np.sqrt(np.maximum(values[kept], 0)), names[kept]
    return distances, indices


def vectors(n: int, seed: int) -> NDArray[np.float32]:
    """Return (n, 2048) vectors around 300 centres, as features of 300 kinds of image would lie."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(0, 1, (300, WIDTH))
    found: NDArray[np.float32] = (centres[rng.integers(300, size=n)] + rng.normal(0, 0.5, (n, WIDTH))).astype(
        np.float32
    )
    return found


def our_vectors(queries: NDArray[np.float32], references: NDArray[np.float32]) -> Found:
    """Call the metric."""
    found = nearest_flipped(torch.from_numpy(queries), torch.from_numpy(references), K, ("identity",))
    return found.distances, found.indices


def faiss_vectors(queries: NDArray[np.float32], references: NDArray[np.float32]) -> Found:
    """Search an exact faiss index."""
    faiss = import_module("faiss")
    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatL2(WIDTH)
    index.add(references)
    squares, places = index.search(queries, K)
    return np.sqrt(np.maximum(squares, 0)).astype(np.float64), places


def extra_memory(way: Callable[[NDArray[np.float32], NDArray[np.float32]], Found], n: int) -> float:
    """Return by how many MB one call raises this process's highest memory (Linux), in a process made for it."""
    torch.set_num_threads(1)
    queries, references = vectors(n, 1), vectors(n, 2)
    way(queries[:8], references[:8])
    Path("/proc/self/clear_refs").write_text("5")  # forget the highest so far: making the vectors took more
    before = _memory("VmRSS")
    way(queries, references)
    return _memory("VmHWM") - before


def _memory(name: str) -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{name}:")[1].split()[0]) / 1000


def compare_vectors(n: int, rounds: int, file: Path | None) -> None:
    """Time both ways in turns and print the table."""
    ways = {"ours": our_vectors, "faiss IndexFlatL2": faiss_vectors}
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        memory = {name: pool.apply(extra_memory, (way, n)) for name, way in ways.items()}
    queries, references = vectors(n, 1), vectors(n, 2)
    found = {name: way(queries, references) for name, way in ways.items()}  # warm
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            seconds[name].append(timed(partial(way, queries, references), time.process_time))
    print(f"{n:,} x {n:,} vectors of {WIDTH:,}, {K} neighbours, one thread, {rounds} rounds, processor seconds")
    print(f"{'':20}{'median s':>10}{'extra MB':>10}{'same neighbours':>18}{'largest difference':>20}")
    for name, (distances, indices) in found.items():
        same = float((indices == found["ours"][1]).mean())
        apart = float(np.abs(distances - found["ours"][0]).max())
        print(f"{name:20}{statistics.median(seconds[name]):10.2f}{memory[name]:10.0f}{same:18.4%}{apart:20.6f}")
    speedup = median_ratio(seconds["faiss IndexFlatL2"], seconds["ours"])
    keep(file, {"n": n, "width": WIDTH, "seconds": seconds, "extra_mb": memory, "speedup": speedup})
    print(f"figure: speedup {speedup:.2f}")


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="200 generated images, 3 rounds")
    parser.add_argument("--vectors", action="store_true", help="feature vectors against faiss, instead of images")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.vectors:
        compare_vectors(2000 if asked.quick else 10_000, 3 if asked.quick else asked.rounds, asked.json)
        return
    n, rounds = (200, 3) if asked.quick else (1000, asked.rounds)
    real, generated = draw(300, 1), draw(n, 2)
    generated[::50] = real[np.arange(len(generated[::50])) % len(real), ::-1]  # planted: exact copies, mirrored

    ways: dict[str, Callable[[NDArray[np.uint8], NDArray[np.uint8]], Found]] = {"ours": ours, "plain loop": plain}
    if find_spec("faiss") is not None:
        ways["faiss IndexFlatL2"] = faiss_flat
    found = {name: way(generated, real) for name, way in ways.items()}  # warm
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            seconds[name].append(timed(partial(way, generated, real)))

    copies = np.arange(0, n, 50)
    print(f"{n} generated, {len(real)} real, 128x128, 4 flips, {K} neighbours, one thread, {rounds} rounds")
    print(f"{'':20}{'median s':>10}{'same first':>12}{'largest error':>15}{'of a copy':>12}")
    for name, (distances, indices) in found.items():
        same = float((indices[:, 0] == found["plain loop"][1][:, 0]).mean())
        error = float(np.abs(distances - found["ours"][0]).max())
        of_copy = float(distances[copies, 0].max())
        median = statistics.median(seconds[name])
        print(f"{name:20}{median:10.3f}{same:12.2%}{error:15.5f}{of_copy:12.5f}")
    if "faiss IndexFlatL2" not in ways:
        print("faiss is not installed (pip install faiss-cpu), so it was not timed")
    speedup = median_ratio(seconds["plain loop"], seconds["ours"])
    keep(asked.json, {"n": n, "seconds": seconds, "speedup": speedup})
    print(f"figure: speedup {speedup:.2f}")


if __name__ == "__main__":
    main()
