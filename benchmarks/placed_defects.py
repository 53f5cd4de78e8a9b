"""Measure placed defects one by one: are they told from real ones, and how near do new shapes come to unseen ones?

For a run of recipe `copy-paste` or `placed` that learnt from a part of each class (`--shots`): as many images of each
class as there are held-out specimens of it, made by several seeds; of each set, how often a cross-validated classifier
on 64x64 patches about the defects (32x32 at their borders) rates a placed one above a real one (as `flawforge score`
does for one set, which varies by several hundredths from set to set). Beside it halves of the real ones; the same
defects as `copy-paste` lays them, and, as a limit of what pasting can reach, the held-out defects themselves, pasted
by the same way, neither scaled nor bent.

With `--shapes`: each held-out shape against 64 new ones of its class, by the best intersection over union with the
middles of both boxes together; copies of the shots, changes of size and bends, shapes between two, and both.

    python benchmarks/placed_defects.py RUN [RUN ...] [--seeds 6] [--shapes] [--json FILE]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from flawforge.core.arrays import Bools, Floats
from flawforge.core.images import Pixels, to_gray, to_pixels
from flawforge.core.progress import SILENT
from flawforge.core.seeds import numpy_stream
from flawforge.core.settings.recipe import Placing
from flawforge.data.augmentation.pasting import Defect, cutout_of
from flawforge.data.augmentation.shapes import is_thick, shape_between, without_margin
from flawforge.data.grouping.registration import turned
from flawforge.data.levelling import through_jpeg
from flawforge.data.sampling.grounds import Grounds
from flawforge.data.sampling.material import Material
from flawforge.models.extractors import Lite0
from flawforge.runs.checkpoint import find_checkpoint
from flawforge.runs.folder import Run
from flawforge.studies.realism.placed_defects import MarkedImage, compare_defects
from flawforge.studies.sets import find_held_out, load_whole
from flawforge.studies.synthesis.placing.asked import AskedPlacing
from flawforge.studies.synthesis.placing.placer import Placer
from flawforge.training.placing.defects import find_shots
from flawforge.training.placing.engine import CopyPaste, Engine
from machine import keep

QUALITY = 92  # of JPEG, through which both sides go
MOST, NEW, COVERED = 32, 64, 0.5  # real images of a class; shapes made for it; overlap from which one is covered


class Bed:
    """A run's images, held-out ones, and what measures them."""

    def __init__(self, path: Path) -> None:
        self.run = Run.open(path)
        whole = load_whole(self.run, None, SILENT)
        self.placer = Placer(self.run, find_checkpoint(self.run), whole, AskedPlacing(), SILENT)
        self.labels, self.material, self.grounds = self.placer.classes, self.placer.material, self.placer.grounds
        self.white, self.extractor = self.material.training.white, Lite0(torch.device("cpu"))
        held = find_held_out(self.run, whole, None, SILENT)
        marked = [row for row in held.reference.tolist() if held.data.samples[row].marks]
        self.other = Material(held.data.take(marked), self.material.others, (), self.material.channels)
        self.real: list[MarkedImage] = []
        self.counts: dict[str, int] = {}
        for label in self.labels:
            rows = np.array([row for row in marked if held.data.samples[row].label == label], dtype=np.int64)
            rows = rows[np.sort(np.unique(held.groups[rows], return_index=True)[1])][:MOST]
            self.counts[label] = len(rows)
            self.real += [
                MarkedImage(self.stored(held.data.read(row)), held.data.mask(row, label), int(held.groups[row]))
                for row in rows.tolist()
            ]

    def stored(self, pixels: Pixels) -> Pixels:
        """Return an image as both sides are compared."""
        gray = to_gray(pixels) if self.material.channels == 1 and pixels.ndim == 3 else pixels
        return through_jpeg(gray, QUALITY)

    def told_apart(self, engine_of: Callable[[str], Engine], seeds: int) -> Floats:
        """Return (seeds, 4): the AUC on defects and on their borders, and both for halves of the real ones."""
        engines = {label: engine_of(label) for label in self.labels}
        rows = []
        for seed in range(seeds):
            made, shots = list[MarkedImage](), dict[int | None, int]()
            for label, count in self.counts.items():
                for number in range(count):
                    one = engines[label].image(numpy_stream(seed, "samples", label, number))
                    pixels = self.stored(to_pixels(2 * one.placed.pixels - 1, self.white))
                    made.append(MarkedImage(pixels, one.placed.mask, shots.setdefault(one.shot, len(shots))))
            found = compare_defects(self.real, made, self.extractor, self.white, seed)
            rows.append([one.generated.value for one in found] + [one.real.value for one in found])
        return np.array(rows, dtype=np.float64)

    def ways(self) -> dict[str, Callable[[str], Engine]]:
        """Return what is measured, by name."""
        name, how = self.run.recipe.name, self.placer.material
        grounds = Grounds(self.other, () if self.run.settings.donors is None else self.run.settings.donors.good)
        plain, turns = Placing(), [0, 1, 2, 3]
        still = replace(plain, bend=0.0, scaling=1.0)
        return {
            name: lambda label: self.placer.new_engine(label, self.grounds, None),
            "copy-paste": lambda label: CopyPaste(how, self.grounds, label, plain, None, turns),
            "held-out defects, pasted": lambda label: CopyPaste(self.other, grounds, label, still, None, turns),
        }


def overlap(first: Bools, second: Bools) -> float:
    """Return the intersection over union of two shapes, the middles of their boxes together."""
    size = np.maximum(first.shape, second.shape)
    planes = []
    for shape in (first, second):
        before = (size - shape.shape) // 2
        after = size - shape.shape - before
        planes.append(np.pad(shape, list(zip(before, after, strict=True))))
    return float((planes[0] & planes[1]).sum() / (planes[0] | planes[1]).sum())


def changed(shape: Bools, scaling: float, stretch: float, rng: np.random.Generator) -> Bools:
    """Return a shape at another size and proportion, bent as `copy-paste` bends."""
    scale, along = (np.exp(rng.uniform(-1, 1) * np.log(most)) for most in (scaling, stretch**0.5))
    room = 8 + max(shape.shape)
    mask = np.pad(shape, room)
    defect = Defect(mask.astype(np.float32), mask, mask)
    return without_margin(cutout_of(defect, (scale * along, scale / along), 0.06, rng).mask)


def between(shapes: Sequence[Bools], rng: np.random.Generator) -> Bools:
    """Return a shape between two of some, where both are thick enough; else one of them."""
    first, second = (turned(shapes[int(rng.integers(len(shapes)))], int(rng.integers(4))) for _ in range(2))
    return shape_between(first, second, float(rng.random())) if is_thick(first) and is_thick(second) else first


def coverage(bed: Bed) -> dict[str, list[float]]:
    """Return of each way the mean best overlap with held-out shapes, and the share that is covered; classes alike."""
    ways: dict[str, Callable[[Sequence[Bools], np.random.Generator], Bools]] = {
        "copies, mirrored": lambda all, rng: turned(all[int(rng.integers(len(all)))], int(rng.integers(4))),
        "size and bends (copy-paste)": lambda all, rng: changed(
            turned(all[int(rng.integers(len(all)))], int(rng.integers(4))), 1.25, 1.0, rng
        ),
        "between two": between,
        "between two, size and bends": lambda all, rng: changed(between(all, rng), 1.25, 1.0, rng),
        "between two, more size, proportion and bends": lambda all, rng: changed(between(all, rng), 1.6, 1.6, rng),
    }
    found = {}
    for name, way in ways.items():
        values = []
        for label in bed.labels:
            own = [without_margin(one.mask) for shot in find_shots(bed.material, label) for one in shot.defects]
            held = [without_margin(shot.defects[0].mask) for shot in find_shots(bed.other, label)][:MOST]
            rng = numpy_stream(0, "samples", "shapes", label)
            new = [way(own, rng) for _ in range(NEW)]
            best = np.array([max(overlap(one, made) for made in new) for one in held])
            values.append([best.mean(), (best >= COVERED).mean()])
        found[name] = np.mean(values, axis=0).tolist()
        print(f"{name:46}{found[name][0]:8.3f}{found[name][1]:8.0%}", flush=True)
    return found


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--shapes", action="store_true", help="measure shapes instead")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    table: dict[str, object] = {}
    if args.shapes:
        print(f"{'best overlap with held-out shapes, mean':46}{'':8}{'covered':>8}")
        table = dict(coverage(Bed(args.runs[0])))
    else:
        print(f"{'':40}{'defects':>16}{'borders':>16}{'real-real':>18}")
        for number, path in enumerate(args.runs):
            bed = Bed(path)
            for name, engine_of in list(bed.ways().items())[: 1 if number else None]:
                found = bed.told_apart(engine_of, args.seeds)
                mean, error = found.mean(0), found.std(0, ddof=1) / args.seeds**0.5
                line = " ".join(f"{mean[at]:8.3f} ±{error[at]:.3f}" for at in (0, 1))
                print(f"{name + (f' ({path.name})' if not number else ''):40}{line}{mean[2]:10.3f}{mean[3]:8.3f}")
                table[f"{name} {path}"] = found.tolist()
    keep(args.json, table)


if __name__ == "__main__":
    main()
