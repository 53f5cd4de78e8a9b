"""How well masks are estimated from boxes, and from good images, where drawn ones are there to compare with.

    python benchmarks/estimated_masks.py [--sets tiles,neu] [--images 20] [--json FILE]

Boxes of magnetic tiles are drawn around the parts of their masks, so they are as tight as can be; those of NEU-DET were
drawn by people. The figure is the IoU of an image's estimated with its drawn mask, as a mean over images and then over
classes; from good images an image in which nothing is found counts 0.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage
from skimage.segmentation import morphological_chan_vese, random_walker

from flawforge.core.arrays import Bools, Floats32
from flawforge.core.seeds import numpy_stream
from flawforge.data.augmentation.mask_in_box import BoxedImage, BoxWindow, Corners, otsu
from flawforge.data.augmentation.pasting import cut_defects
from flawforge.data.dataset import Dataset
from flawforge.data.reading.load import load
from flawforge.data.sampling.material import floats
from flawforge.training.estimated_masks import estimate_masks
from flawforge.training.placing.defects import GAP
from machine import keep

FOLDER = Path(os.environ.get("FLAWFORGE_DATA", "../shared/data"))
STEEL = ("inclusion", "patches", "scratches")
SURE = 70  # percentile of the difference in a box, above which the random walk begins as defect


@dataclass(frozen=True)
class Drawn:
    """An image with its drawn mask, and its boxes."""

    label: str
    row: int
    pixels: Floats32
    mask: Bools
    boxes: list[Corners]


def by_random_walk(window: BoxWindow) -> Bools:
    """Grady 2006, from the outside of the box, and from what differs most in it."""
    off = ndimage.gaussian_filter((window.plane - window.light).astype(float), 1)
    size, seeds = np.abs(off), np.where(window.own, 0, 2)
    seeds[window.own & (size >= np.percentile(size[window.own], SURE)) & (size > otsu(size[window.own]))] = 1
    seeds[window.own & (size < np.percentile(size[window.own], 10))] = 2
    found = random_walker(off, seeds, beta=130, mode="cg_j") == 1 if {1, 2} <= {*seeds.flat} else window.by_plane
    return np.asarray(found & window.own)


def by_chan_vese(window: BoxWindow) -> Bools:
    """Márquez-Neila et al. 2014, from Otsu's mask on."""
    size = np.abs(ndimage.gaussian_filter((window.plane - window.light).astype(float), 1))
    begun = (size > otsu(size[window.own])) & window.own
    found = morphological_chan_vese(  # type: ignore[no-untyped-call]
        size / max(float(size.max()), 1e-9), 30, init_level_set=begun.astype(np.int8)
    )
    return np.asarray((found > 0) & window.own)


WAYS: dict[str, Callable[[BoxWindow], Bools]] = {
    "whole box": lambda window: window.own,
    "Otsu, light": lambda window: window.by_light,
    "Otsu, plane": lambda window: window.by_plane,
    "gray levels": lambda window: window.by_levels,
    "random walk": by_random_walk,
    "Chan-Vese": by_chan_vese,
    "majority (used)": lambda window: window.mask,
}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default="tiles,neu")
    parser.add_argument("--images", type=int, default=20, help="of each class, at most")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for name in args.sets.split(","):
        data = load(FOLDER / {"tiles": "magnetic-tile", "neu": "neu-det"}[name])
        defects = [label for label in data.classes if label != "good"] if name == "tiles" else STEEL
        images = [image for label in defects for image in drawn(data, label, args.images, name == "tiles")]
        print(f"{name}: IoU with the drawn mask; {len(images)} images")
        for way, found in WAYS.items():
            rows.append(report(name, way, images, partial(in_boxes, way=found)))
        if name == "tiles":
            rows.append(from_good(data, images))
    keep(args.json, {"rows": rows})


def drawn(data: Dataset, label: str, count: int, tight: bool) -> Iterator[Drawn]:
    """Give images of a class; their boxes are the labels', or (`tight`) those of the parts of their masks."""
    rows = [row for row, one in enumerate(data.samples) if one.label == label]
    for row in numpy_stream(0, "order", "estimated masks", label).permutation(rows).tolist():
        pixels, mask = floats(data.read(row), data, 1), data.mask(row, label)
        if tight:
            boxes = [defect.corners for defect in cut_defects(pixels, mask, round(GAP * min(mask.shape)))]
        else:
            boxes = [
                (box.top, box.left, box.bottom, box.right) for box in data.samples[row].boxes if box.label == label
            ]
        if mask.any() and boxes and count > 0:
            yield Drawn(label, row, pixels, mask, boxes)
            count -= 1


def in_boxes(image: Drawn, way: Callable[[BoxWindow], Bools]) -> Bools:
    """Return the mask (H, W) of all boxes of an image by one way."""
    boxed, mask = BoxedImage(image.pixels, image.boxes), np.zeros_like(image.mask)
    for box in image.boxes:
        window, seen = boxed.window(box)
        mask[window] |= way(seen)
    return mask


def from_good(data: Dataset, images: list[Drawn]) -> dict[str, Any]:
    """Return the row of masks that are estimated without boxes."""
    good = data.select(["good"])
    bare = data.take(image.row for image in images)
    bare = replace(bare, samples=tuple(replace(one, marks=()) for one in bare.samples))
    started = time.process_time()
    found = estimate_masks(bare, good).data
    seconds = time.process_time() - started
    rows = {one.file: row for row, one in enumerate(found.samples)}
    missed = sum(not one.marks for one in found.samples)
    row = report("tiles", "good images", images, lambda image: found.mask(rows[data.samples[image.row].file]))
    print(f"  nothing found in {missed} of {len(images)} images; {seconds:.0f} s in all")
    return {**row, "nothing": missed, "seconds": seconds / len(images)}


def report(name: str, way: str, images: list[Drawn], estimate: Callable[[Drawn], Bools]) -> dict[str, Any]:
    """Print a row, and return it."""
    started, found = time.process_time(), dict[str, list[float]]()
    for image in images:
        mask = estimate(image)
        share = (mask & image.mask).sum() / max(1, (mask | image.mask).sum())
        found.setdefault(image.label, []).append(float(share))
    means = {label: float(np.mean(values)) for label, values in found.items()}
    mean, seconds = float(np.mean(list(means.values()))), (time.process_time() - started) / len(images)
    each = ", ".join(f"{label} {value:.2f}" for label, value in means.items())
    print(f"  {way:16} {mean:.3f}   {each}; {1000 * seconds:.0f} ms an image", flush=True)
    return {"set": name, "way": way, "mean": mean, "classes": means, "images": len(images), "seconds": seconds}


if __name__ == "__main__":
    main()
