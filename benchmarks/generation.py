"""Measure `flawforge generate`: images a second beside the machine's ceiling, and memory over a long run.

For a run of each recipe, trained for one step (an image takes the same time after more): images a second of the whole,
from latents to files; of the generator alone; and of drawing file formats, encoding and writing alone. The generator's
ceiling is the machine's matrix-product rate over the GFLOP of an image. Generator and files want the same cores, so the
ceiling of the whole is 1 / (1 / generator's ceiling + 1 / files); the last column is the share of it. Then one long set
with the small recipe: the process's peak memory after 1,000 and 10,000 images and at the end.

With `--recipe compose`: two classes of five 200x200 images, composed and written; `figure: per_second` is images a
processor second, which is what one core makes, and `figure: memory_ratio` the peak memory after all of -n images over
that after 1,000. With `--recipe native` the same for 300x300 images, refined after one step of training; `figure:
training_mb` is the peak memory of that. With `--recipe copy-paste`, `procedural` or `placed` the same for defects put
on five good 300x300 images, with masks; `--blending seamless` measures another way of blending.

    python benchmarks/generation.py [--recipe NAME] [--quick] [--json FILE] [-n 100000] [--threads N]
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # as the command line does

import argparse
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from flawforge.core.progress import Progress, Task
from flawforge.core.seeds import numpy_stream
from flawforge.runs.checkpoint import require_checkpoint
from flawforge.runs.folder import Run
from flawforge.runs.set_files import ManifestEntry
from flawforge.studies.synthesis.run import generate
from flawforge.studies.synthesis.sampler import Sampler
from flawforge.studies.synthesis.writer import FileFormats, Writer
from flawforge.training.train import train
from machine import keep, timed
from train_step import ceiling

RESOLUTION = {"dcgan-sn": 128, "fewshot": 64}
SIDE = {
    "compose": 200,
    "native": 300,
    "copy-paste": 300,
    "procedural": 300,
    "placed": 300,
}  # of images that are made at their own size
ROUNDS = 3
STATUS = Path("/proc/self/status")
MARKS = (1_000, 10_000)  # images after which memory is read


class LogMonitor(Task):
    """Notes the process's peak memory at `MARKS`."""

    def __init__(self) -> None:
        self.done, self.peaks = 0, {}  # type: ignore[var-annotated]

    def advance(self, amount: float = 1.0, **facts: str) -> None:
        """Count, and look."""
        self.done += int(amount)
        if self.done in MARKS:
            self.peaks[self.done] = peak()


class Watched(Progress):
    """Hands out one `LogMonitor`."""

    def __init__(self) -> None:
        self.watch = LogMonitor()

    @contextmanager
    def task(self, title: str, total: float | None = None, unit: str = "") -> Iterator[Task]:
        """Open the work."""
        yield self.watch


def peak() -> float:
    """Return the process's peak resident memory in MB, since `forget_peak` where the system can tell (Linux)."""
    if STATUS.exists():
        line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def forget_peak() -> None:
    """Let the peak begin at what the process holds now."""
    if STATUS.exists():
        STATUS.with_name("clear_refs").write_text("5")


def untrained(folder: Path, recipe: str, **changes: Any) -> Run:
    """Return a run of one step on noise: 12 gray images of the recipe's size."""
    data = folder / f"{recipe}-data"
    side = RESOLUTION.get(recipe, 64)
    for index in range(12):
        noise = numpy_stream(0, "samples", index).normal(128, 25, (side, side)).clip(0, 255).astype(np.uint8)
        file = data / "noise" / f"{index}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise).save(file)
    return train(data, folder / recipe, recipe, kimg=0.001, previews=0, **changes)


def measure(run: Run, folder: Path, images: int) -> dict[str, float]:
    """Return images a second of the whole, of the generator alone and of the files alone; and GFLOP of an image."""
    sampler = Sampler(run, require_checkpoint(run), torch.device("cpu"))
    formats, label = FileFormats(run.settings.data, 4), sampler.classes[0]
    with FlopCounterMode(display=False) as counter:
        made = sampler.images(0, label, 0)
    batches = max(1, images // sampler.batch)

    def write() -> None:
        with Writer(folder / "files", 2 * sampler.batch, lambda: None) as writer:
            for index in range(batches * sampler.batch):
                image = made[index % sampler.batch]
                form = formats.draw(0, label, index)
                entry = ManifestEntry(f"{index}.png", label, 0, index, "none", "", 1, 1, "L")
                writer.put(entry, partial(formats.encode, image, form))

    (folder / "files").mkdir()
    times: dict[str, list[float]] = {"whole": [], "generator": [], "files": []}
    for number in range(ROUNDS):
        whole = folder / f"set{number}"
        count = batches * sampler.batch
        times["whole"].append(timed(lambda w=whole, n=count: generate(run, n, out=w)))  # type: ignore[misc]
        times["generator"].append(timed(lambda: [sampler.images(0, label, n) for n in range(batches)]))
        times["files"].append(timed(write))
    rates = {name: batches * sampler.batch / statistics.median(seconds) for name, seconds in times.items()}
    return {**rates, "gflop": counter.get_total_flops() / 1e9 / sampler.batch}


def composed(folder: Path, count: int, recipe: str, **changes: Any) -> dict[str, Any]:
    """Make `count` images of real ones, and return images a processor second and peaks of memory."""
    side = SIDE[recipe]
    places = recipe in ("copy-paste", "procedural", "placed")
    for label in ("dents", "good" if places else "pits"):
        (folder / "data" / label).mkdir(parents=True)
        for index in range(5):
            noise = numpy_stream(0, "samples", label, index).normal(128, 25, (side, side)).clip(0, 255)
            Image.fromarray(noise.astype(np.uint8)).save(folder / "data" / label / f"{index}.png")
            if label == "dents" and places:
                mask = np.zeros((side, side), np.uint8)
                mask[40 * index + 20 : 40 * index + 60, 100:160] = 255
                (folder / "data" / "masks" / label).mkdir(parents=True, exist_ok=True)
                Image.fromarray(mask).save(folder / "data" / "masks" / label / f"{index}.png")
    if recipe == "procedural":
        changes = {"label": "dents"}
    run, watched = train(folder / "data", folder / "run", recipe, kimg=0.001, previews=0, **changes), Watched()
    training = peak()
    forget_peak()
    started = time.process_time()
    generate(run, count, classes=["dents"], progress=watched)
    rate, peaks = count / (time.process_time() - started), {**watched.watch.peaks, count: peak()}
    told = ", ".join(f"{value:.0f} MB after {done:,}" for done, value in peaks.items())
    print(f"{count:,} images of {side}x{side}: {rate:.0f} a processor second; peak memory {told}")
    ratio = peaks[count] / peaks[MARKS[0]] if MARKS[0] in peaks else 1.0
    return {"images": count, "per_second": rate, "peak_mb": peaks, "memory_ratio": ratio, "training_mb": training}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", choices=list(SIDE), help="measure this recipe alone")
    parser.add_argument("--blending", help="of recipe copy-paste")
    parser.add_argument("-n", type=int, default=100_000, help="images of the long set (default 100,000)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--quick", action="store_true", help="short rounds, and a long set of 2,000")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.recipe:
        with tempfile.TemporaryDirectory() as name:
            how = {"blending": args.blending} if args.blending else {}
            found = composed(Path(name), 2_000 if args.quick else args.n, args.recipe, **how)
        keep(args.json, found)
        print(f"figure: per_second {found['per_second']:.0f}\nfigure: memory_ratio {found['memory_ratio']:.3f}")
        if args.recipe == "native":
            print(f"figure: training_mb {found['training_mb']:.0f}")
        return
    rate = ceiling(torch.float32, torch.device("cpu"))
    print(f"matrix products: {rate:.0f} GFLOP/s in float32, {args.threads} threads")
    print(f"\n{'':12}{'size':>8}{'images/s':>10}{'generator':>11}{'ceiling':>9}{'files':>8}{'of ceiling':>12}")
    table: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for recipe in RESOLUTION:
            row = measure(untrained(folder, recipe), folder, 128 if args.quick else 640)
            shutil.rmtree(folder / "files")
            for number in range(ROUNDS):
                shutil.rmtree(folder / f"set{number}")
            ceiling_here = rate / row["gflop"]
            share = row["whole"] * (1 / ceiling_here + 1 / row["files"])
            table[recipe] = {**row, "ceiling": ceiling_here, "of_ceiling": share}
            print(
                f"{recipe:12}{RESOLUTION[recipe]:>8}{row['whole']:10.0f}{row['generator']:11.0f}{ceiling_here:9.0f}"
                f"{row['files']:8.0f}{share:12.1%}",
                flush=True,
            )
        run, watched = untrained(folder, "dcgan-lite", resolution=64), Watched()
        count = 2_000 if args.quick else args.n
        forget_peak()
        before = peak()
        seconds = timed(lambda: generate(run, count, out=folder / "long", progress=watched))
        peaks = {**watched.watch.peaks, count: peak()}
    told = ", ".join(f"{value:.0f} MB after {done:,}" for done, value in peaks.items())
    print(f"\n{count:,} images of 64x64 in {seconds:.0f} s ({count / seconds:.0f} images/s)")
    print(f"peak memory: {before:.0f} MB before, {told}")
    long = {"images": count, "seconds": seconds, "peak_mb_before": before, "peak_mb": peaks}
    keep(args.json, {"threads": args.threads, "ceiling_gflops": rate, "rows": table, "long": long})
    print(f"figure: of_ceiling {min(row['of_ceiling'] for row in table.values()):.3f}")


if __name__ == "__main__":
    main()
