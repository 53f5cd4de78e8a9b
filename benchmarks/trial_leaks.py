"""Measure what a trial refuses: test images in disguise among the unlabelled images, and among the generated ones.

Test images of NEU-DET (or --data) are changed in the ways of `flawforge.studies.copies.planted` and handed to the two
checks
of a trial: as a folder of unlabelled images, and as images that a generator made. Told are the shares that each check
names, kind by kind, and how many honest images it names: real ones of other pieces of material.

    python benchmarks/trial_leaks.py [--quick] [--data FOLDER] [--images 60] [--kinds cropped ...] [--json FILE]

`figure: refused` is the share of the eight light disguises that is found among unlabelled images. A trial is refused
as soon as one image is.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flawforge.core.errors import DataUnusableError
from flawforge.core.images import Pixels, to_gray
from flawforge.core.seeds import numpy_stream
from flawforge.core.settings.trials import TrialSettings
from flawforge.data.dataset import Dataset
from flawforge.data.grouping.shots import draw_shots
from flawforge.data.reading.load import load
from flawforge.studies.copies.planted import ALTERATIONS, HEAVY, altered_copy
from flawforge.studies.trial.setup.bench import Bench
from flawforge.studies.trial.setup.leaks import refuse_generated_leak, refuse_outside_leak
from flawforge.studies.trial.setup.open import open_trial
from flawforge.studies.trial.setup.test_split import Textures
from machine import keep

NEU = Path(os.environ.get("FLAWFORGE_DATA", "../shared/data")) / "neu-det"
SHOTS = 10

Ints = NDArray[np.int64]


def gray(dataset: Dataset, index: int) -> Pixels:
    """Return (H, W) uint8."""
    pixels = dataset.read(index)
    return to_gray(pixels) if pixels.ndim == 3 else pixels


def named(check: Callable[[], None]) -> int:
    """Return how many images a check names as leaked."""
    try:
        check()
    except DataUnusableError as error:
        return len({leaked for leaked, _ in error.leaks})  # type: ignore[attr-defined]
    return 0


class Checks:
    """Both checks of one trial."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self.bench, self.folder, self.division = bench, folder, bench.division
        planes = [image[0] if len(image) == 1 else image.transpose(1, 2, 0) for image in bench.images]
        self.textures = Textures(planes, bench.division.groups)
        pool, labels = bench.division.pool, bench.dataset.labels
        chosen = draw_shots(labels[pool], bench.dataset.classes, bench.division.groups[pool], SHOTS, 0)
        self.shots = pool[chosen]

    def unlabelled(self, name: str, images: list[Pixels]) -> int:
        """Return how many are named among unlabelled images."""
        place = self.folder / name
        place.mkdir()
        for i, image in enumerate(images):
            Image.fromarray(image).save(place / f"{i:04d}.png")
        outside = load(place)
        return named(lambda: refuse_outside_leak(self.bench.dataset, self.textures, self.division, outside))

    def generated(self, images: list[Pixels]) -> int:
        """Return how many are named among generated images."""
        return named(
            lambda: refuse_generated_leak(
                self.bench.dataset, self.textures, self.division, self.shots, images, "the benchmark"
            )
        )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=str(NEU))
    parser.add_argument("--images", type=int, default=60, help="of each kind")
    parser.add_argument("--kinds", nargs="+", choices=tuple(ALTERATIONS), default=tuple(ALTERATIONS))
    parser.add_argument("--quick", action="store_true", help="12 images of three kinds")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    count, kinds = (12, ("exact", "cropped", "noisy")) if args.quick else (args.images, tuple(args.kinds))
    draws = numpy_stream(0, "split", "leaks")
    rows: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        bench = open_trial(load(args.data), Path(folder) / "trial", TrialSettings(shots=(SHOTS,)))
        checks = Checks(bench, Path(folder))
        print(f"{Path(args.data).name}: {len(bench.division.test)} test images, {count} of them in each disguise\n")
        print(f"{'disguise':14}{'among unlabelled':>18}{'among generated':>18}")
        chosen = draws.choice(bench.division.test, count, replace=count > len(bench.division.test))
        for kind in kinds:
            images = [
                altered_copy(gray(bench.dataset, int(i)), kind, gray(bench.dataset, int(j)), draws)
                for i, j in zip(chosen, draws.permutation(chosen), strict=True)
            ]
            rows[kind] = {
                "unlabelled": checks.unlabelled(kind, images) / count,
                "generated": checks.generated(images) / count,
            }
            print(f"{kind:14}{rows[kind]['unlabelled']:18.3f}{rows[kind]['generated']:18.3f}", flush=True)
        rest = np.setdiff1d(bench.division.pool, checks.shots)
        honest = [gray(bench.dataset, int(i)) for i in draws.choice(rest, min(count, len(rest)), replace=False)]
        rows["honest"] = {
            "unlabelled": checks.unlabelled("honest", honest) / len(honest),
            "generated": checks.generated(honest) / len(honest),
        }
        print(f"{'honest ones':14}{rows['honest']['unlabelled']:18.3f}{rows['honest']['generated']:18.3f}")
    light = [rows[kind]["unlabelled"] for kind in kinds if kind not in HEAVY]
    keep(args.json, {"data": Path(args.data).name, "images": count, "rows": rows})
    print(f"figure: refused {np.mean(light):.4f}")


if __name__ == "__main__":
    main()
