"""Kill a training again and again, at random moments, and see whether it ends with the same bits.

A real process trains a small generator and writes a checkpoint every ten steps. It is killed with SIGKILL, resumed,
killed again ..., then left to end. Every other kill is aimed: it waits until a checkpoint is being written (a part of
one lies there). The last checkpoint must equal, tensor for tensor and bit for bit, that of a run that nobody touched,
and the history must tell the same steps.

    python benchmarks/kill_resume.py [--kills 100] [--quick] [--json FILE]
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import multiprocessing
import random
import signal
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from machine import keep

SETTINGS: dict[str, Any] = {
    "resolution": 16,
    "generator_depth": 12,
    "discriminator_depth": 12,
    "latent": 16,
    "batch": 4,
    "precision": "float32",
    "ema_kimg": 0.1,
    "flip": "both",
}


@dataclass
class Result:
    """What happened.

    Attributes:
        kills: how often the process was killed.
        in_writing: kills after which a part of a checkpoint lay about (a torn file, or tensors without their JSON).
        steps_between: steps that each life got done.
        equal: whether every tensor of the last checkpoint is bit-equal to the undisturbed run's.
        history_equal: whether the history tells the same steps with the same numbers, times aside.
    """

    kills: int = 0
    in_writing: int = 0
    steps_between: list[int] = field(default_factory=list)
    equal: bool = False
    history_equal: bool = False


def train_in_process(data: str, out: str, kimg: float) -> None:
    """Train, or go on; the body of the process that is killed."""
    import torch

    torch.set_num_threads(1)
    from flawforge.training.train import train

    train(data, out, "dcgan-lite", kimg=kimg, resume=True, checkpoint_seconds=0, previews=4, **SETTINGS)


def draw_images(folder: Path, count: int = 12) -> Path:
    """Draw gray images with a line each."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(count):
        image = rng.integers(40, 90, (16, 16)).astype(np.uint8)
        image[:, rng.integers(0, 16)] = 220
        Image.fromarray(image).save(folder / f"{i:02d}.png")
    return folder


def kill_and_resume(kills: int, work: Path, seed: int = 0, kimg: float | None = None) -> Result:
    """Run the experiment in a work folder.

    Args:
        kills: SIGKILLs to deal.
        work: an empty folder.
        seed: of the moments.
        kimg: length of the training; None takes one that outlasts the kills.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch._dynamo", "flawforge.training.train"])  # a first training imports the former
    data = str(draw_images(work / "data"))
    length = kimg if kimg is not None else 0.2 * kills + 0.4
    calm, harried = work / "calm", work / "harried"

    def life(out: Path) -> Any:
        process = context.Process(target=train_in_process, args=(data, str(out), length))
        process.start()
        return process

    untouched = life(calm)
    untouched.join()
    result, moments = Result(), random.Random(seed)
    while result.kills < kills:
        process, before = life(harried), newest_step(harried)
        wait_for_steps(harried, process)
        time.sleep(moments.uniform(0, 0.25))
        while result.kills % 2 and process.is_alive() and not has_parts(harried):
            time.sleep(0.0002)
        if not process.is_alive():
            break
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        result.kills += 1
        result.in_writing += has_parts(harried)
        result.steps_between.append(newest_step(harried) - before)
    last = life(harried)
    last.join()
    result.equal = same_tensors(calm, harried)
    result.history_equal = told(calm) == told(harried)
    return result


def wait_for_steps(out: Path, process: Any) -> None:
    """Wait until the process has begun to train in earnest (its history grows), or is over."""
    history = out / "history.jsonl"
    size = history.stat().st_size if history.exists() else 0
    while process.is_alive() and (not history.exists() or history.stat().st_size <= size):
        time.sleep(0.002)


def newest_step(out: Path) -> int:
    """Return the step of the newest whole checkpoint, 0 without one."""
    from flawforge.runs.checkpoint import list_checkpoints
    from flawforge.runs.folder import Run

    found = list_checkpoints(Run(out))
    return found[-1].step if found else 0


def has_parts(out: Path) -> bool:
    """Say whether a write was cut: a torn file, or tensors without their JSON."""
    folder = out / "checkpoints"
    alone = any(not p.with_suffix(".json").exists() for p in folder.glob("step_*.safetensors"))
    return alone or any(folder.glob(".*.part"))


def same_tensors(one: Path, other: Path) -> bool:
    """Say whether the newest checkpoints of two runs are of the same step and bit-equal."""
    import torch

    from flawforge.runs.checkpoint import require_checkpoint
    from flawforge.runs.folder import Run

    a, b = require_checkpoint(Run(one)), require_checkpoint(Run(other))
    first, second = a.tensors(), b.tensors()
    same = first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)
    return a.step == b.step and same


def told(out: Path) -> list[dict[str, Any]]:
    """Return the logged steps without their times."""
    from flawforge.runs.folder import Run
    from flawforge.runs.history import History

    times = ("seconds", "images_per_second")
    return [{k: v for k, v in line.items() if k not in times} for line in History(Run(out).history_file).steps()]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--quick", action="store_true", help="20 kills")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as work:
        result = kill_and_resume(20 if args.quick else args.kills, Path(work), args.seed)
    print(f"killed {result.kills} times in {time.perf_counter() - start:.0f} s; {result.in_writing} kills cut a write")
    print(f"steps a life got done: {min(result.steps_between)} to {max(result.steps_between)}")
    print(f"bit-equal to the undisturbed run: {result.equal}; history tells the same: {result.history_equal}")
    keep(args.json, asdict(result))
    print(f"figure: bit_equal {int(result.equal and result.history_equal)}")


if __name__ == "__main__":
    main()
