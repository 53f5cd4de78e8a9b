"""Compare the focused network and the memory bank of good patches with the other inspection models of a trial.

Data as factories have them: few images of each defect, all good ones. Each model is trained as in a trial's arm, on the
same draws and tested on the same images of other specimens. The maps of the frozen network are worked out once for each
image and mirror image, whoever asks for them. What was measured is kept in --out, and the same call goes on.

    python benchmarks/focus.py tiles [--shots 5,10] [--repeats 10] [--out FOLDER] [--minutes M] [--json FILE]
    python benchmarks/focus.py elpv-mono --shots 5,10,20
    python benchmarks/focus.py --help

The figure is the gain in points of balanced accuracy of `effnet-focus` over the best of the other models, each at the
best resolution tried, at the number of shots where it is smallest.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from flawforge.core.arrays import Floats32
from flawforge.core.images import resize
from flawforge.core.settings.trials import TrialSettings
from flawforge.data.reading.load import load
from flawforge.metrics.inference.classification import STATISTICS
from flawforge.metrics.inference.paired import gain
from flawforge.metrics.inference.resampling import Resampled, resampled
from flawforge.models import classifier, one_class
from flawforge.models.efficientnet import Backbone, load_backbone
from flawforge.runs.estimates import Estimate, gain_points, in_percent
from flawforge.studies.trial.cells.arm_training import ArmTraining
from flawforge.studies.trial.setup.bench import Bench
from flawforge.studies.trial.setup.open import open_trial
from machine import keep

FOLDER = Path(os.environ.get("FLAWFORGE_DATA", "../shared/data"))
FEWEST = 3  # repeats of an interval


class Way(NamedTuple):
    """One way to a classifier; `side` is the (height, width) that it sees, `repeats` at most."""

    model: str
    arm: str
    side: tuple[int, int]
    repeats: int = 1000

    @property
    def name(self) -> str:
        """As in tables and files."""
        arm = "" if self.arm == "classical" else f" {self.arm}"
        return f"{self.model}{arm} at {self.side[0]}x{self.side[1]}"


def ways(task: str, side: tuple[int, int], slow: int) -> list[Way]:
    """Return the ways; those that train a whole network do `slow` repeats."""
    small = (64, 64)
    out = [Way(model, "classical", side) for model in ("effnet-focus", "effnet-probe")]
    out.append(Way("effnet-probe", "classical", small))
    if task == "good":
        out += [Way("effnet-probe", arm, side) for arm in ("one-class", "one-class-joined")]
        out.append(Way("effnet-focus", "one-class-joined", side))
    return [*out, *(Way(model, "classical", small, slow) for model in ("small-cnn", "effnet-finetune"))]


class Remembering(Backbone):
    """The frozen network, which keeps the maps of the images that it has seen."""

    kept: dict[bytes, list[Tensor]]

    def forward_stages(self, images: Tensor, last: int = 7) -> list[Tensor]:
        """As `Backbone.forward_stages`; of stages 3 and 5 alone, the others are empty."""
        if any(weight.requires_grad for weight in self.parameters()):
            return super().forward_stages(images, last)
        keys = [image.contiguous().numpy().tobytes() for image in images.to(torch.float16)]
        new = [row for row, key in enumerate(keys) if key not in self.kept]
        for part in (new[start : start + 16] for start in range(0, len(new), 16)):
            maps = super().forward_stages(images[part], 5)
            self.kept.update({keys[row]: [maps[2][i].clone(), maps[4][i].clone()] for i, row in enumerate(part)})
        found = [torch.stack([self.kept[key][index] for key in keys]) for index in range(2)]
        none = found[0][:, :0]
        return [none, none, found[0], none, found[1]]


def remember_maps() -> None:
    """Let all frozen networks of this process share one memory of maps."""
    kept: dict[bytes, list[Tensor]] = {}

    def load(*_: Any) -> Backbone:
        backbone = load_backbone()
        backbone.__class__ = Remembering
        backbone.kept = kept  # type: ignore[assignment]
        return backbone

    for module in (classifier, one_class):
        vars(module)["load_backbone"] = load


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="tiles, elpv-mono or elpv-poly")
    parser.add_argument("--shots", default="5,10")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--slow", type=int, default=3, help="repeats of the models that train a whole network")
    parser.add_argument("--only", help="ways whose names hold this")
    parser.add_argument("--out", type=Path, default=Path("focus-benchmark"))
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no training after this time")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    shots = tuple(int(word) for word in args.shots.split(","))
    bench = bench_of(args.data, shots, args.repeats, args.out / args.data)
    remember_maps()
    task, side = bench.settings.task, bench.settings.resolution
    tried = [way for way in ways(task, side, args.slow) if not args.only or args.only in way.name]
    deadline = time.monotonic() + 60 * args.minutes
    for repeat, count, way in product(range(args.repeats), shots, tried):
        if repeat < way.repeats and time.monotonic() < deadline:
            probabilities(bench, way, repeat, count, args.out / args.data / "cells")
    show(bench, ways(task, side, args.slow), shots, args)


def bench_of(name: str, shots: tuple[int, ...], repeats: int, out: Path) -> Bench:
    """Return the material at the larger size."""
    if name == "tiles":
        data, task, side = load(FOLDER / "magnetic-tile"), "type", (256, 192)
    else:
        data, task, side = load(name).select(["defective", "good"]), "good", (224, 224)
    rare = tuple(label for label in data.classes if label != "good")
    settings = TrialSettings(
        task=task,  # type: ignore[arg-type]
        rare=rare,
        shots=shots,
        seeds=repeats,
        resolution=side,
        models=("effnet-focus",),
        arms=("classical", "one-class", "one-class-joined") if task == "good" else ("classical",),
    )
    return open_trial(data, out, settings)


def probabilities(bench: Bench, way: Way, repeat: int, shots: int, folder: Path) -> Floats32:
    """Return (N, K) of one way on the test images: from the folder, or worked out and kept there."""
    file = folder / f"{way.name.replace(' ', '-')}-n{shots}-r{repeat}.npy"
    if not file.is_file():
        started = time.process_time()
        own = at_side(bench, way.side)
        arms = ArmTraining(own, own.shots(repeat, shots), repeat, way.model)
        found = arms.predictions(arms.train(way.arm), own.division.test)
        folder.mkdir(parents=True, exist_ok=True)
        np.save(file.with_suffix(".part.npy"), found)
        file.with_suffix(".part.npy").replace(file)
        print(f"{file.stem}: {time.process_time() - started:.0f} s", flush=True)
    probabilities: Floats32 = np.load(file)
    return probabilities


def at_side(bench: Bench, side: tuple[int, int]) -> Bench:
    """Return the same bench with its images at another size."""
    if side == bench.settings.resolution:
        return bench
    images = np.stack([np.stack([resize(plane, *side) for plane in image]) for image in bench.images])
    settings = bench.settings.model_copy(update={"resolution": side})
    return replace(bench, images=np.rint(images).astype(np.uint8), settings=settings)


def show(bench: Bench, tried: list[Way], shots: tuple[int, ...], args: argparse.Namespace) -> None:
    """Print the tables and the figure."""
    test = bench.division.test
    labels, groups = bench.targets(bench.dataset.labels[test]), bench.division.groups[test]
    metrics = ("balanced accuracy",) if bench.settings.task == "type" else ("balanced accuracy", "AUROC")
    result: dict[str, Any] = {"data": args.data, "test": len(test), "rows": []}
    worst: Estimate | None = None
    print(f"\n{args.data}: {len(test)} test images of {len(np.unique(groups))} specimens; percent with 95% intervals")
    for metric, count in product(metrics, shots):
        found: dict[Way, dict[int, Floats32]] = {}
        for way in tried:
            stem = f"{way.name.replace(' ', '-')}-n{count}-r"
            files = {r: args.out / args.data / "cells" / f"{stem}{r}.npy" for r in range(args.repeats)}
            done = {repeat: np.load(file) for repeat, file in files.items() if file.is_file()}
            if len(done) >= FEWEST:
                found[way] = done

        def measured(way: Way, repeats: list[int], metric: str = metric, found: Any = found) -> Resampled:
            return resampled(np.stack([found[way][r] for r in repeats]), labels, groups, STATISTICS[metric])

        print(f"\n{metric}, {count} images of each defect and all good ones")
        means = {}
        for way, done in found.items():
            reached = _estimate(measured(way, sorted(done)))
            means[way] = reached.value or 0.0
            print(f"  {way.name:42} {in_percent(reached):24} {len(done)} repeats")
            row = {"metric": metric, "shots": count, "way": way.name, "repeats": len(done), **reached.model_dump()}
            result["rows"].append(row)
        for own, rivals in _pairs(means):
            best = max(rivals, key=lambda way: means[way], default=None)
            if best is not None:
                common = sorted(set(found[own]) & set(found[best]))
                over = _estimate(measured(own, common) - measured(best, common))
                print(f"  {own.name} over {best.name}: {gain_points(over)}, {len(common)} repeats")
                if metric == "balanced accuracy" and own.model == "effnet-focus" and own.arm == "classical":
                    worst = min([one for one in (worst, over) if one], key=lambda one: one.value or 0)
    if worst is not None:
        print(f"figure: gain_points {100 * (worst.value or 0):.2f}")
        keep(args.json, {**result, "gain": worst.model_dump()})


def _pairs(means: dict[Way, float]) -> list[tuple[Way, list[Way]]]:
    """Return what is compared with the best of what: the focused network with the other models, and each way that
    joins the bank with a classifier with these two alone.
    """
    plain = [way for way in means if way.arm == "classical"]
    out = []
    for own in means:
        if own in plain and own.model == "effnet-focus":
            out.append((own, [way for way in plain if way.model != own.model]))
        if own.arm == "one-class-joined":
            alone = [way for way in means if way.arm == "one-class" or (way.arm, way[0]) == ("classical", own.model)]
            out.append((own, [way for way in alone if way.side == own.side]))
    return out


def _estimate(values: Resampled) -> Estimate:
    found = gain(values)
    low, high = found.at()
    return Estimate(value=found.value, low=low, high=high)


if __name__ == "__main__":
    main()
