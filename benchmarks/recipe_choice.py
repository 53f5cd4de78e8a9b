"""What `fewshot` is made of, by measured numbers: each candidate changes one thing and is trained for as many images.

NEU-DET, six classes with 20 images each from one side of the overlap groups, judged at 64x64 on the other side by the
numbers of `quality_yardstick`. What a candidate costs is the seconds of
processor time of its steps, so that one that is better but slower can be told from one that is better. Results go to
the JSON file as they come, and a candidate that is there already is not trained again.

    python benchmarks/recipe_choice.py [CANDIDATE ...] [--kimg 4] [--seeds 0 1] [--json FILE] [--grids FOLDER] [--quick]
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import json
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from flawforge.core.images import encode_png, grid
from flawforge.core.settings.recipes import recipe
from flawforge.data.reading.load import load
from flawforge.models.latents import draw_latents
from flawforge.training.loop.previews import to_eight_bits
from flawforge.training.loop.step import gan_step
from flawforge.training.processes.device import resolve_precision
from flawforge.training.setup.batches import RealBatches
from flawforge.training.state.state import TrainingState
from machine import machine
from quality_yardstick import MADE, NAMES, Parts, Yardstick, at_size, cut
from recipe_variants import FewClasses, OtherStep, Step, judged, without_grain

NEU = Path(os.environ.get("FLAWFORGE_DATA", "../shared/data")) / "neu-det"
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Candidate:
    """One thing that is otherwise: settings of the recipe, a step, the kind of batches, or what stands around."""

    settings: dict[str, Any] = field(default_factory=dict)
    step: Step = gan_step
    batches: type[RealBatches] = RealBatches
    around: tuple[Callable[[], AbstractContextManager[None]], ...] = ()


def candidates() -> dict[str, Candidate]:
    """Return all candidates by name; ``as-is`` is the recipe."""
    settings: dict[str, dict[str, Any]] = {
        "as-is": {},
        "half-steps": {"generator_lr": 2e-4, "discriminator_lr": 2e-4},
        "double-steps": {"generator_lr": 8e-4, "discriminator_lr": 8e-4},
        "faster-generator": {"generator_lr": 8e-4},
        "batch-8": {"batch": 8},
        "batch-32": {"batch": 32},
        "no-augmentation": {"augment": "none"},
        "full-augmentation": {"augment": "full"},
        "adaptive-0.6": {"augment_target": 0.6},
        "no-flips": {"flip": "none"},
        "no-diversity": {"diversity": 0.0},
        "diversity-8": {"diversity": 8.0},
        "long-average": {"ema_kimg": 2.0},
        "no-average": {"ema_kimg": 0.0},
        "wide-generator": {"generator_depth": 32},
        "narrow-heads": {"discriminator_depth": 32},
        "wide-heads": {"discriminator_depth": 128},
        "cross-entropy": {"loss": "bce"},
    }
    found = {name: Candidate(changes) for name, changes in settings.items()}
    return found | {
        "relativistic": Candidate(step=OtherStep(relativistic=True)),
        "r1": Candidate(step=OtherStep(r1=0.1)),
        "lecam": Candidate(step=OtherStep(lecam=0.1)),
        "feature-diversity": Candidate(step=OtherStep(features=2.0)),
        "no-grain": Candidate(around=(without_grain,)),
        "few-classes": Candidate(batches=FewClasses),
        "seen-at-128": Candidate(around=(partial(judged, 128, {2: 3, 3: 2, 5: 1, 7: 0}),)),
        "more-halvings": Candidate(around=(partial(judged, 64, {2: 3, 3: 2, 5: 1, 7: 0}),)),
        "fine-head": Candidate(around=(partial(judged, 64, {1: 3, 2: 2, 3: 1, 5: 0, 7: 0}),)),
        "no-deep-head": Candidate(around=(partial(judged, 64, {2: 2, 3: 1, 5: 0}),)),
        "as-before": Candidate(
            {"generator_lr": 2e-4, "discriminator_lr": 2e-4},
            around=(without_grain, partial(judged, 128, {2: 3, 3: 2, 5: 1, 7: 0})),
        ),
    }


def train_one(candidate: Candidate, parts: Parts, shots: int, kimg: float, seed: int) -> tuple[TrainingState, float]:
    """Train, and return the state with the seconds of processor time that a thousand images took."""
    data = parts.training.select(shots=shots)
    chosen = recipe("fewshot", **candidate.settings)
    precision = resolve_precision(chosen.precision, CPU)
    with ExitStack() as changed:
        for change in candidate.around:
            changed.enter_context(change())
        state = TrainingState(chosen, data.channels, seed, CPU, precision, len(data.classes))
        pixels = data.pixels(chosen.resolution, data.channels)
        batches = candidate.batches(pixels, data.white, chosen.batch, seed, chosen.flip, data.labels)
        spent = 0.0
        while state.shown < kimg * 1000:
            places = [(state.shown + i,) for i in range(chosen.batch)]
            latents = draw_latents(seed, "latents", places, chosen.latent)
            real, labels = batches.at(state.step, CPU), batches.labels_at(state.step, CPU)
            state.augmentation.step = state.step
            start = time.process_time()
            candidate.step(state, real, latents, labels)
            spent += time.process_time() - start
            state.step += 1
            if chosen.ema_kimg > 0:
                state.average.update(state.shown, chosen.batch)
    return state, spent / kimg


def judge(candidate: Candidate, state: TrainingState, yardstick: Yardstick, sheet: Path | None) -> dict[str, float]:
    """Return the numbers of the generator that the state would make images from; draw a row a class."""
    made = {}
    maker = state.sampling_generator.eval()
    with ExitStack() as changed:  # images are made by the generator that was trained, and judged as all others are
        for change in candidate.around:
            changed.enter_context(change())
        for code, label in enumerate(yardstick.classes):
            latents = draw_latents(0, "samples", [(label, i) for i in range(MADE)], state.recipe.latent)
            with torch.inference_mode():
                parts = [at_size(maker(z, torch.full((len(z),), code))) for z in torch.split(latents, 50)]
            made[label] = torch.cat(parts)
    if sheet is not None:
        sheet.parent.mkdir(parents=True, exist_ok=True)
        rows = torch.cat([images[:12] for images in made.values()])
        sheet.write_bytes(encode_png(grid(to_eight_bits(rows), 12), "L"))
    return yardstick.judge(made)["mean"]


def show(results: dict[str, Any]) -> None:
    """Print the means over the seeds, the best kernel distance first."""
    print(f"{'':20}{'seeds':>6}{'s/kimg':>8}" + "".join(f"{name:>12}" for name in NAMES))
    means = {
        name: {key: statistics.fmean(run[key] for run in runs.values()) for key in (*NAMES, "seconds_a_kimg")}
        for name, runs in results.items()
    }
    for name, row in sorted(means.items(), key=lambda item: item[1]["kid"]):
        print(
            f"{name:20}{len(results[name]):6}{row['seconds_a_kimg']:8.1f}" + "".join(f"{row[k]:12.2f}" for k in NAMES)
        )


def main() -> None:
    """Run the benchmark."""
    known = candidates()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="CANDIDATE", help=f"default all: {', '.join(known)}")
    parser.add_argument("--kimg", type=float, default=4.0)
    parser.add_argument("--shots", type=int, default=20)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--quick", action="store_true", help="the recipe and one candidate, 0.5 kimg")
    parser.add_argument("--grids", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    names = ["as-is", "double-steps"] if args.quick else args.names or list(known)
    if odd := sorted(set(names) - set(known)):
        raise SystemExit(f"no candidate {', '.join(odd)}; there are {', '.join(known)}")
    if not NEU.is_dir():
        raise SystemExit(f"no images at {NEU}; FLAWFORGE_DATA names the folder that holds neu-det")
    kimg = 0.5 if args.quick else args.kimg

    parts = cut(load(NEU), 0.5)
    yardstick = Yardstick(parts)
    old = json.loads(args.json.read_text()) if args.json is not None and args.json.exists() else {}
    key = f"{kimg:g} kimg, {args.shots} shots"
    results: dict[str, Any] = old.get("results", {})
    here = results.setdefault(key, {})
    for seed in args.seeds:
        for name in names:
            if str(seed) in here.get(name, {}):
                continue
            state, seconds = train_one(known[name], parts, args.shots, kimg, seed)
            sheet = args.grids / f"{name}-{seed}.png" if args.grids is not None else None
            numbers = {"seconds_a_kimg": seconds, **judge(known[name], state, yardstick, sheet)}
            here.setdefault(name, {})[str(seed)] = numbers
            print(name, seed, {k: round(v, 2) for k, v in numbers.items()}, flush=True)
            if args.json is not None:
                everything = {"machine": machine(), "real": yardstick.real_against_real()["mean"], "results": results}
                args.json.write_text(json.dumps(everything, indent=1) + "\n")
    print(f"\n{key}")
    show(here)
    best = min(here, key=lambda name: statistics.fmean(run["kid"] for run in here[name].values()))
    mean = {
        name: statistics.fmean(run["kid"] for run in here[name].values()) for name in (best, "as-is") if name in here
    }
    print(f"best: {best}")
    print(f"figure: kid {mean.get('as-is', float('nan')):.2f}")


if __name__ == "__main__":
    main()
