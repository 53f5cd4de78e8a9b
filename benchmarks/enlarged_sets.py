"""Measure by what enlarged sets of images differ from honest ones: how much weaker their finest structure is.

Honest pairs: random halves of the same classes and of one class, halves of which one is changed (mirrored, shifted,
brightened; or turned, scaled and stretched), random mixes of the classes, and one class against another. Enlarged: one
half reduced 1.5, 2 or 3 times and enlarged again. All pass the score's levelling (JPEG of the quality of the files, 128
pixels on the short side), then radial spectra are taken and compared by `held_structure`. Told is the share of pairs
that depths of 3 to 10 dB would level, the share that is levelled, and the share that is levelled or of which it is said
that the finest structure is weaker. NEU-DET, by which the thresholds were chosen, and magnetic tiles; 80 images of each
class at most, 48 a side. No image is on both sides of a pair; pairs of a row share images.

    python benchmarks/enlarged_sets.py [--side N] [--images N] [--folder DIR] [--json FILE]

With --side, images are first reduced to so many pixels on their short side. With --folder, spectra stay there, and the
same command goes on where it was stopped. About half a minute of one core.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from flawforge.core.arrays import Floats
from flawforge.core.images import Pixels, eight_bits, in_channels, resize, to_unit
from flawforge.core.seeds import numpy_stream
from flawforge.core.settings.policies import ClassicalPolicy
from flawforge.data.augmentation.classical import classical
from flawforge.data.augmentation.transforms import ClassicalTransforms
from flawforge.data.levelling import Level, files_quality
from flawforge.data.reading.load import load
from flawforge.metrics.fidelity.spectrum import radial_spectra, ring_frequencies
from flawforge.studies.sets.level_plan import FINEST, WEAKER, common_resolution, held_structure
from machine import keep

DATA = Path(os.environ.get("FLAWFORGE_DATA", "../shared/data"))
SETS = {"neu": "neu-det", "tiles": "magnetic-tile"}
KERNELS = {kernel.name.lower(): kernel for kernel in (Image.Resampling.NEAREST, Image.Resampling.BILINEAR)}
KERNELS |= {kernel.name.lower(): kernel for kernel in (Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)}
ENLARGED = [f"{kernel} {times:g}" for times in (1.5, 2, 3) for kernel in KERNELS]
POLICY = ClassicalTransforms(ClassicalPolicy(degrees=10, scale=0.1, contrast=0.2, brightness=0.1), 0)
OF_CLASS, THRESHOLDS = 80, (3, 4, 5, 6, 8, 10)
Change = Callable[[Pixels, int], Pixels]
Row = dict[str, Any]
Pair = tuple[str, Floats, Floats]  # what it is, and the spectra of both sides


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int)
    parser.add_argument("--images", type=int, default=48, help="of each side")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows: dict[str, Row] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = args.folder or Path(place)
        folder.mkdir(parents=True, exist_ok=True)
        for name, below in SETS.items():
            if not (DATA / below).is_dir():
                print(f"no images at {DATA / below}: set FLAWFORGE_DATA")
                return
            spectra, labels, rings = spectra_of(name, args.side, folder)
            rows |= {f"{name}: {what}": row for what, row in measured(spectra, labels, rings, args.images).items()}
    print(f"| {'pairs':34} | n | median | {' | '.join(f'{dB} dB' for dB in THRESHOLDS)} | levelled | or said |")
    for what, row in rows.items():
        shares = " | ".join(f"{100 * share:.0f}" for share in row["shares"])
        levelled, said = (f"{100 * row[share]:.0f}" for share in ("done", "said"))
        print(f"| {what:34} | {row['n']} | {row['median']:.1f} | {shares} | {levelled} | {said} |")
    caught = {what: row for what, row in rows.items() if "enlarged" in what}
    keep(args.json, {"rows": rows})
    print(f"figure: honest {max(row['done'] for what, row in rows.items() if what not in caught):.3f}")
    print(f"figure: enlarged {np.mean([row['done'] for row in caught.values()]):.3f}")


def spectra_of(name: str, side: int | None, folder: Path) -> tuple[dict[str, Floats], list[str], Floats]:
    """Return radial spectra (n, rings) of images as they are and changed, their classes, and the rings' frequencies."""
    data = load(DATA / SETS[name])
    labels = np.array([sample.label for sample in data.samples])
    draws = numpy_stream(0, "order", "enlarged", name)
    rows = np.concatenate([draws.permutation(np.flatnonzero(labels == one))[:OF_CLASS] for one in data.classes])
    chosen = data.take(rows.tolist())
    size = [int(np.median([getattr(sample, which) for sample in chosen.samples])) for which in ("height", "width")]
    if side is not None:
        size = [round(own * side / min(size)) for own in size]
    resolution = common_resolution(((size[0], size[1]), (size[0], size[1])), None)
    level = Level(1, resolution, files_quality(chosen.samples))

    def image(row: int) -> Pixels:
        gray = in_channels(eight_bits(chosen.read(row), chosen.white), 1)
        share = 1.0 if side is None else side / min(gray.shape)
        return resize(np.ascontiguousarray(gray), *(round(own * share) for own in gray.shape))

    changes: dict[str, Change] = {"as they are": lambda pixels, row: pixels, "changed": changed, "turned": turned}
    found: dict[str, Floats] = {}
    for what in [*changes, *ENLARGED]:
        file = folder / f"{name}-{side or 'own'}-{what}.npy"
        if not file.exists():
            change = changes.get(what, enlarging(what))
            pixels = [level.apply(np.ascontiguousarray(change(image(row), row)), 255) for row in range(len(chosen))]
            np.save(file, radial_spectra(torch.from_numpy(to_unit(np.stack(pixels)))[:, None]))
        found[what] = np.load(file)
    return found, [sample.label for sample in chosen.samples], ring_frequencies(*resolution)


def changed(pixels: Pixels, row: int) -> Pixels:
    """Mirror, shift and brighten an image."""
    return classical(pixels, 255, numpy_stream(0, "augmentation", "enlarged", row))


def turned(pixels: Pixels, row: int) -> Pixels:
    """Turn, scale and stretch an image, which interpolates it."""
    unit = torch.from_numpy(to_unit(pixels))[None, None].float()
    moved = POLICY(unit, row)[0, 0].numpy()
    return np.rint(127.5 * (moved + 1)).clip(0, 255).astype(np.uint8)


def enlarging(what: str) -> Change:
    """Return what reduces an image and enlarges it again, e.g. ``bicubic 2``."""
    kernel, _, times = what.partition(" ")

    def change(pixels: Pixels, row: int) -> Pixels:
        height, width = pixels.shape
        small = resize(pixels, round(height / float(times)), round(width / float(times)))
        return np.asarray(Image.fromarray(small).resize((width, height), KERNELS[kernel]))

    return change


def pairs_of(spectra: dict[str, Floats], labels: list[str], images: int) -> Iterator[Pair]:
    """Give pairs of sets, the second as it is."""
    rng, own = numpy_stream(0, "order", "pairs"), spectra["as they are"]
    rows = {label: np.flatnonzero(np.array(labels) == label) for label in sorted(set(labels))}

    def halves(*classes: str) -> tuple[list[int], list[int]]:
        first, second = list[int](), list[int]()
        for label in classes:
            part = rng.permutation(rows[label])
            count = min(images // len(classes), len(part) // 2)
            first += part[:count].tolist()
            second += part[count : 2 * count].tolist()
        return first, second

    for _ in range(200):
        first, second = halves(*rows)
        yield "halves", own[first], own[second]
        yield "halves, one changed", spectra["changed"][first], own[second]
        yield "halves, one turned", spectra["turned"][first], own[second]
        shares = rng.dirichlet(np.full(len(rows), 0.7), 2)
        first, second = [], []
        for label, of in zip(rows, np.rint(images * shares).astype(int).T, strict=True):
            part, whole = rng.permutation(rows[label]), max(1, int(of.sum()))
            count = [int(one * min(1, len(part) / whole)) for one in of]
            first += part[: count[0]].tolist()
            second += part[count[0] : sum(count)].tolist()
        yield "other mixes of classes", own[first], own[second]
    for label in rows:
        for _ in range(40):
            first, second = halves(label)
            yield "halves of one class", own[first], own[second]
        for other in [one for one in rows if one != label]:
            for _ in range(8):
                first, second = halves(label)[0], halves(other)[0]
                yield "one class against another", own[first], own[second]
        for what in ENLARGED:
            for _ in range(5):
                first, second = halves(label)
                yield f"enlarged, {what}", spectra[what][first], own[second]
    for what in ENLARGED:
        for _ in range(30):
            first, second = halves(*rows)
            yield f"enlarged, {what}", spectra[what][first], own[second]


def measured(spectra: dict[str, Floats], labels: list[str], rings: Floats, images: int) -> dict[str, Row]:
    """Return for each kind of pair the share that each threshold would level, and that is levelled, of either side."""
    found: dict[str, list[tuple[float, bool]]] = {}
    for what, first, second in pairs_of(spectra, labels, images):
        more = first.mean(axis=0) - second.mean(axis=0)
        sides = (more,) if what.startswith("enlarged") else (more, -more)
        held = [held_structure(side, rings) for side in sides]
        found.setdefault(what, []).append((max(lacks for _, lacks in held), any(share < FINEST for share, _ in held)))
    return {
        what: {
            "n": len(pairs),
            "median": float(np.median([lacks for lacks, _ in pairs])),
            "shares": [float(np.mean([lacks >= dB for lacks, _ in pairs])) for dB in THRESHOLDS],
            "said": float(np.mean([done or lacks >= WEAKER for lacks, done in pairs])),
            "done": float(np.mean([done for _, done in pairs])),
        }
        for what, pairs in found.items()
    }


if __name__ == "__main__":
    main()
