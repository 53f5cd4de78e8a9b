"""How often does the score call real images repeating or seamed, and does it find what is made so?

Real images are cut by groups into two: 64 in the place of the generated ones, the rest are real. Then the same 64 are
made of one patch of a quarter each (*tiled*), of two images joined at one row (*joined*), and told by the score's own
search. At their own size, steel and tiles, and solar cells where elpv is installed.

    python benchmarks/full_size_alarms.py [--sets steel tiles cells] [--repeats 40] [--json FILE]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from calibration_summary import within
from flawforge.core.images import Pixels
from flawforge.studies.realism.full_size import find_artefacts
from machine import keep
from patch_calibration import SETS, native

SIZE = 64
KINDS = ("as they are", "tiled", "joined")


def tiled(image: Pixels, other: Pixels, draws: np.random.Generator) -> Pixels:
    """Return an image of one of its quarters, four times."""
    height, width = (side // 2 for side in image.shape)
    top, left = int(draws.integers(height)), int(draws.integers(width))
    return np.tile(image[top : top + height, left : left + width], (2, 2))


def joined(image: Pixels, other: Pixels, draws: np.random.Generator) -> Pixels:
    """Return the image, with the lower part of another one below row 70."""
    rows, columns = (min(a, b) for a, b in zip(image.shape, other.shape, strict=True))
    return np.vstack([image[:70, :columns], other[70:rows, :columns]])


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--repeats", type=int, default=40)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    told: dict[str, dict[str, list[bool]]] = {}
    for name in args.sets:
        images: list[Pixels] = [np.rint(image).astype(np.uint8) for image in native(SETS[name])]
        told[name] = {f"{kind}: {what}": [] for kind in KINDS for what in ("repeats", "seam")}
        for repeat in range(args.repeats):
            draws = np.random.default_rng(repeat)
            order = draws.permutation(len(images))[: 2 * SIZE]
            real, held = ([images[row] for row in part] for part in (order[SIZE:], order[:SIZE]))
            for kind in KINDS if repeat < args.repeats // 8 else ("as they are",):
                make = {"tiled": tiled, "joined": joined}.get(kind)
                made = [make(a, b, draws) for a, b in zip(held, real, strict=False)] if make else held
                found = find_artefacts(real, made, np.arange(len(real)), 255)
                told[name][f"{kind}: repeats"].append(found.repeats_found)
                told[name][f"{kind}: seam"].append(bool(found.seam))
        print(f"\n{name}")
        for what, hits in told[name].items():
            print(f"  {what:22}{within(np.array(hits))}", flush=True)
    keep(args.json, {"told": told})
    false = [hit for rows in told.values() for what, hits in rows.items() if what.startswith("as") for hit in hits]
    print(f"figure: false_alarms {float(np.mean(false)):.4f}")


if __name__ == "__main__":
    main()
