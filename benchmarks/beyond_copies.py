"""Do generated images reach unseen images of a defect that changed copies of its few shots do not?

NEU-DET's six classes and the magnetic tiles' five defects, one at a time: 5 or 10 shots of the class, and 50 images of
each other class, good ones among them. Held out are the class's images of other specimens, 300 at most. 128 images are
made and compared at 64x64 by the function that `flawforge score` uses: the share of the held-out images that they reach
and 128 changed copies of the shots do not, beside a second draw of copies and other real images, and the kernel
distance over that of the copies. The ways:

    compose       the recipe, with light from the other classes' images
    chosen        the same, each image the one of 8 that a frozen network finds nearest to the class (--candidates 8)
    fewshot       the recipe, trained on the shots and the other classes' images
    on-composed   the same, trained on 128 composed images in place of the shots

    python benchmarks/beyond_copies.py --work DIR [--draws 3] [--sets neu tiles] [--shots 5 10] [--ways compose chosen]
                                       [--kimg 8] [--quick] [--json FILE]

A class with fewer than 12 specimens held out is left out, and named. It goes on in DIR where it stopped. The figures
are at 5 shots, means over classes and draws: `new_coverage` of `compose` above the second draw of copies, as a share of
the held-out images; `new_coverage_learnt` that of the best other way; with `_tiles` on the tiles; `kid_ratio`.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from flawforge.core.images import Pixels, encode_png, resize, to_gray, to_pixels
from flawforge.core.progress import SILENT
from flawforge.core.seeds import numpy_stream
from flawforge.core.settings.recipes import recipe
from flawforge.data.augmentation.classical import classical
from flawforge.data.dataset import Dataset
from flawforge.data.decode import read_image
from flawforge.data.good_names import find_good
from flawforge.data.reading.load import load
from flawforge.data.sampling.material import Material
from flawforge.data.sampling.unlabelled import as_unlabelled
from flawforge.metrics.fidelity.new_coverage import FEWEST_GROUPS, NewCoverage, new_coverage
from flawforge.models.extractors import Extractor, find_extractor
from flawforge.studies.synthesis import generate
from flawforge.training.composition import Composing, choose_composition
from flawforge.training.train import train
from machine import keep

DATA = Path(os.environ.get("FLAWFORGE_DATA", "../shared/data"))
FOLDERS = {"neu": "neu-det", "tiles": "magnetic-tile"}
SIDE, MADE, HELD, DONORS = 64, 128, 300, 50
PART = 16  # images made at a time
CANDIDATES = 8  # of which the way "chosen" keeps one
QUICK_CLASSES = 2
TRAINED = ("fewshot", "on-composed")
WAYS = ("compose", "chosen", *TRAINED)
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """One class with its shots; rows of `bench.whole`."""

    bench: Bench
    label: str
    shots: Ints
    held: Ints
    others: Ints
    draw: int

    @property
    def rng(self) -> np.random.Generator:
        """A fresh stream for what is made of it."""
        return numpy_stream(self.draw, "samples", self.label, len(self.shots))


@dataclass
class Bench:
    """A data set, its images as they are compared, and their features."""

    name: str
    whole: Dataset
    extractor: Extractor
    small: dict[int, Pixels] = field(default_factory=dict)

    @cached_property
    def groups(self) -> Ints:
        """(N,) group numbers."""
        return self.whole.groups()

    @cached_property
    def features(self) -> Floats:
        """(N, D) features of all images."""
        return self.describe([self.seen(row) for row in range(len(self.whole))])

    def seen(self, row: int) -> Pixels:
        """Return a real image as it is compared."""
        if row not in self.small:
            self.small[row] = as_compared(self.whole.read(row))
        return self.small[row]

    def describe(self, images: Sequence[Pixels]) -> Floats:
        """Return the features of images as they are compared."""
        planes = np.stack(images)[:, None].astype(np.float32) / 127.5 - 1
        return self.extractor(torch.from_numpy(planes)).astype(np.float64)

    def cases(self, shots: int, draws: int, most: int | None = None) -> Iterator[Case]:
        """Give the classes, good images aside, of each draw."""
        good, labels = find_good(self.whole.classes), self.whole.labels
        defects = [name for name in self.whole.classes if name != good][:most]
        for draw in range(draws):
            for label in defects:
                rng = numpy_stream(draw, "shots", label, shots)
                own = np.flatnonzero(labels == self.whole.classes.index(label))
                chosen = rng.permutation(np.unique(self.groups[own]))[:shots]
                taken = np.array([rng.choice(own[self.groups[own] == group]) for group in chosen])
                held = own[~np.isin(self.groups[own], chosen)]
                held = np.sort(rng.permutation(held)[:HELD])
                others = [
                    rng.permutation(np.flatnonzero((labels == code) & ~np.isin(self.groups, self.groups[own])))[:DONORS]
                    for code, name in enumerate(self.whole.classes)
                    if name != label
                ]
                yield Case(self, label, taken, held, np.concatenate(others), draw)

    def copies(self, case: Case, position: int) -> Floats:
        """Return the features of changed copies of the shots."""
        images = []
        for index in range(MADE):
            rng = numpy_stream(case.draw, "augmentation", "copies", position, index)
            images.append(classical(self.seen(int(case.shots[index % len(case.shots)])), 255, rng))
        return self.describe(images)

    def judge(self, case: Case, images: Sequence[Pixels]) -> NewCoverage:
        """Return what images as they are compared reach beyond copies."""
        copies, again = self.copies(case, 0), self.copies(case, 1)
        made, held = self.describe(images), self.features[case.held]
        return new_coverage(held, made, copies, again, self.groups[case.held], case.draw)


def as_compared(pixels: Pixels) -> Pixels:
    """Return an image, gray and at the size that is compared."""
    return resize(to_gray(pixels) if pixels.ndim == 3 else pixels, SIDE, SIDE)


def composed(case: Case, candidates: int = 1) -> tuple[list[Pixels], str]:
    """Return images of recipe `compose`, each the best of so many candidates, and how they are composed."""
    training, others = case.bench.whole.take(case.shots), case.bench.whole.take(case.others)
    material = Material(training, as_unlabelled(others).scaled_as(training))
    chosen = choose_composition(recipe("compose", candidates=candidates), material)
    composing = Composing(material, case.label, chosen.how, chosen.symmetries[case.label], chosen.fixed)
    images: list[Pixels] = []
    for first in range(0, MADE, PART):
        numbers = range(first, first + PART)
        made = composing.images({index: numpy_stream(case.draw, "samples", case.label, index) for index in numbers})
        images += [as_compared(to_pixels(2 * one.pixels - 1)) for one in made]
    return images, f"{chosen.how}, turns {chosen.symmetries[case.label]}"


def learnt(case: Case, folder: Path, kimg: float, on_composed: bool) -> tuple[list[Pixels], str]:
    """Return images of recipe `fewshot`, trained on the shots, or images composed of them, and the other classes'."""
    name = f"{case.bench.name}-{case.label}-{len(case.shots)}-{case.draw}-{kimg:g}{'-composed' * on_composed}"
    part = case.bench.whole.take([*case.shots.tolist(), *case.others.tolist()])
    if on_composed:
        images = [(case.label, image) for image in composed(case)[0]]
        images += [(case.bench.whole.samples[row].label, case.bench.seen(row)) for row in case.others.tolist()]
        for number, (label, image) in enumerate(images):
            file = folder / f"{name}-data" / label / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(encode_png(image, "L"))
        part = load(folder / f"{name}-data")
    run = train(part, folder / name, "fewshot", kimg=kimg, seed=case.draw, resume=True, previews=0, progress=SILENT)
    made = generate(run, MADE, classes=[case.label], seed=case.draw, data=part, overwrite=True)
    return [as_compared(read_image(made.folder / entry.file)) for entry in made.entries()], f"{kimg:g} kimg"


def measured(found: NewCoverage) -> dict[str, float | None]:
    """Return the numbers that are kept."""
    return {
        "generated": found.generated.value,
        "again": found.again.value,
        "real": found.real.value,
        "above": found.above.value,
        "kid": found.kid,
        "kid_copies": found.kid_copies,
    }


def table(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Print means and standard errors over classes and draws, and return the figures."""
    print(f"\n{'':28}{'new':>13}{'copies again':>15}{'above':>13}{'other real':>13}{'KID':>9}{'copies':>9}{'ratio':>7}")
    figures: dict[str, float] = {}
    for key in dict.fromkeys((row["way"], row["set"], row["shots"]) for row in rows):
        own = [row for row in rows if (row["way"], row["set"], row["shots"]) == key]
        kid, copies = (float(np.mean([row[name] for row in own])) for name in ("kid", "kid_copies"))
        told = "".join(f"{points([row[name] for row in own]):>14}" for name in ("generated", "again", "above", "real"))
        way, name, shots = key
        print(f"{f'{way}, {name}, {shots} shots':28}{told}{kid:9.0f}{copies:9.0f}{kid / copies:7.2f}")
        if way != "compose":
            print(f"    over compose: {points(over_compose(rows, own))}, paired, of {len(own)} cases")
        by = {label: [row["above"] for row in own if row["class"] == label] for label in {row["class"] for row in own}}
        print("    above: " + ", ".join(f"{label} {100 * np.mean(values):.0f}" for label, values in sorted(by.items())))
        if shots == 5:
            end = ("" if way == "compose" else "_learnt") + ("" if name == "neu" else "_tiles")
            figure = f"new_coverage{end}"
            figures[figure] = max(float(np.mean([row["above"] for row in own])), figures.get(figure, -1.0))
            if end == "":
                figures["kid_ratio"] = kid / copies
    return figures


def over_compose(rows: list[dict[str, Any]], own: list[dict[str, Any]]) -> list[float]:
    """Return by how much more each case reaches than `compose` does; cases without `compose` are left out."""
    names = ("set", "shots", "class", "draw")
    base = {tuple(row[name] for name in names): row["above"] for row in rows if row["way"] == "compose"}
    found = ((row["above"], base.get(tuple(row[name] for name in names))) for row in own)
    return [value - other for value, other in found if other is not None]


def points(values: Sequence[float]) -> str:
    """Return a mean in points with its standard error."""
    if not values:
        return "not measured"
    error = np.std(values, ddof=1) / len(values) ** 0.5 if len(values) > 1 else np.nan
    return f"{100 * np.mean(values):.1f} ± {100 * error:.1f}"


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="scratch folder, gone on with")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--sets", nargs="+", choices=list(FOLDERS), default=list(FOLDERS))
    parser.add_argument("--shots", type=int, nargs="+", default=[5, 10])
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS[:2]))
    parser.add_argument("--kimg", type=float, default=8.0, help="thousand images that a training is shown (default 8)")
    parser.add_argument("--quick", action="store_true", help="one draw of two classes, 5 shots, 0.5 kimg")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    draws, most, kimg = (1, QUICK_CLASSES, 0.5) if args.quick else (args.draws, None, args.kimg)
    makers: dict[str, Callable[[Case], tuple[list[Pixels], str]]] = {
        "compose": composed,
        "chosen": lambda case: composed(case, CANDIDATES),
        "fewshot": lambda case: learnt(case, args.work, kimg, on_composed=False),
        "on-composed": lambda case: learnt(case, args.work, kimg, on_composed=True),
    }
    ways = {name: makers[name] for name in args.ways}
    args.work.mkdir(parents=True, exist_ok=True)
    kept = args.work / "rows.jsonl"
    done = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    rows = []
    for name in args.sets:
        folder = DATA / FOLDERS[name]
        if not folder.is_dir():
            print(f"no images at {folder}: set FLAWFORGE_DATA")
            continue
        bench = Bench(name, load(folder), find_extractor("effnet-lite0"))
        for shots in [5] if args.quick else args.shots:
            for case in bench.cases(shots, draws, most):
                if (specimens := len(np.unique(bench.groups[case.held]))) < FEWEST_GROUPS:
                    print(f"{name} {shots} {case.label} {case.draw}: left out, {specimens} specimens are held out")
                    continue
                for way, make in ways.items():
                    key = {"way": way, "set": name, "shots": shots, "class": case.label, "draw": case.draw}
                    key |= {"kimg": kimg if way in TRAINED else 0}
                    row = next((row for row in done if key.items() <= row.items()), None)
                    if row is None:
                        images, how = make(case)
                        row = {**key, "how": how, **measured(bench.judge(case, images))}
                        with kept.open("a") as file:
                            file.write(json.dumps(row) + "\n")
                        print(f"{name} {shots} {case.label} {case.draw} {way}: {row['above']:.3f}", flush=True)
                    rows.append(row)
    figures = table(rows) if rows else {}
    keep(args.json, {"draws": draws, "rows": rows, "figures": figures})
    for name, value in figures.items():
        print(f"figure: {name} {value:.3f}")


if __name__ == "__main__":
    main()
