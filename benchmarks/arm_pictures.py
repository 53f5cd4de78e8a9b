"""Draw what the arms that change real images by other real ones show: for each the image, the other one, the result.

    python benchmarks/arm_pictures.py [DATA] [--shots 5] [--side 64] [--rare CLASS] [--out arms.png]

Three rows an arm: the images, what they are changed by, and what comes out. For pasted-on-plentiful the rows are
ground, patch and result; one shot of the class --rare (none: the first) stands beside --shots of each other class. For
relight they are image, light and result, and compose has the second image, whose details are joined, as a row more.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import flawforge
from flawforge.core.arrays import Bytes, Ints
from flawforge.core.images import grid, resize, to_pixels
from flawforge.core.settings.recipes import recipe
from flawforge.data.augmentation.rare_patches import paste_rare
from flawforge.data.augmentation.reference_light import (
    changed_by_others,
    fourier_adapted,
    histogram_matched,
    random_light,
)
from flawforge.data.classifier_view import seen
from flawforge.data.dataset import Dataset
from flawforge.data.sampling.material import Material
from flawforge.training.composition import Composing, choose_composition

NEU = Path(os.environ.get("FLAWFORGE_DATA", "../shared/data")) / "neu-det"
COLUMNS = 12
CHANGES = {"fourier-adapted": fourier_adapted, "histogram-matched": histogram_matched, "random-light": random_light}


def drawn(data: Dataset, shots: int, side: int) -> tuple[Bytes, Ints, Ints]:
    """Return the shots as a classifier sees them, (N, C, side, side), their classes, and their rows of `data`."""
    rng = np.random.default_rng(0)
    members = [np.flatnonzero(data.labels == code) for code in range(len(data.classes))]
    chosen = np.concatenate([rng.choice(own, min(shots, len(own)), replace=False) for own in members])
    images = [seen(data.read(int(i)), data.white, data.channels, (side, side), None) for i in chosen]
    return np.stack(images), data.labels[chosen], chosen


def composed(shots: Dataset, side: int, **changes: float) -> list[Bytes]:
    """Return first images, second images (the same where one alone is shown), lights and results, each (12, 1, side,
    side).
    """
    material = Material(shots, channels=1)
    chosen = choose_composition(recipe("compose", **changes), material)
    columns = []
    for number in range(COLUMNS):
        label = shots.classes[number % len(shots.classes)]
        composing = Composing(material, label, chosen.how, chosen.symmetries[label], chosen.fixed)
        (made,) = composing.images({number: np.random.default_rng(number)})
        parts = [material[composing.rows[source]].pixels for source in (made.sources[0], made.sources[-1])]
        parts += [composing.donors.lights[made.donor or 0].smoothed(chosen.how.light_width, (side, side)), made.pixels]
        columns.append([resize(to_pixels(2 * part - 1), side, side)[None] for part in parts])
    return [np.stack(row) for row in zip(*columns, strict=True)]


def rows(*stacks: Bytes) -> list[Bytes]:
    """Return the pictures of an arm's rows, in the order of a grid, with an empty row after them."""
    pictures = [image.transpose(1, 2, 0).squeeze() for stack in stacks for image in stack]
    return [*pictures, *[np.full_like(pictures[0], 255)] * COLUMNS]


def main() -> None:
    """Draw the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", default=str(NEU))
    parser.add_argument("--shots", type=int, default=5)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--rare", help="a class; default: the first")
    parser.add_argument("--out", type=Path, default=Path("arms.png"))
    asked = parser.parse_args()
    data = flawforge.load(asked.data)
    images, labels, chosen = drawn(data, asked.shots, asked.side)
    pictures: list[NDArray[np.uint8]] = []
    for name, change in CHANGES.items():
        made = changed_by_others(images, labels, COLUMNS, 0, name, change, other_class=name != "random-light")
        pictures += rows(images[made.sources], images[made.references], made.images)
    rare = data.classes.index(asked.rare) if asked.rare else 0
    kept = np.concatenate([np.flatnonzero(labels == rare)[:1], np.flatnonzero(labels != rare)])
    pasted = paste_rare(images[kept], labels[kept], len(data.classes), COLUMNS, 0)
    pictures += rows(images[kept][pasted.grounds], images[kept][pasted.patches], pasted.images)
    shots = data.take(chosen.tolist())
    first, _, light, result = composed(shots, asked.side, blend=0.0)
    pictures += rows(first, light, result)
    pictures += rows(*composed(shots, asked.side))
    Image.fromarray(grid(pictures[:-COLUMNS], COLUMNS)).save(asked.out)
    print(f"{asked.out}: {', '.join([*CHANGES, 'pasted-on-plentiful', 'relight', 'compose'])}")


main()
