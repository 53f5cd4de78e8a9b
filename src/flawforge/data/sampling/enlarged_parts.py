"""Enlarged parts: images that show a part of another image, blown up.

The search for overlaps works at one scale. Here the images in question are made smaller step by step, and searched for
overlaps with the others at each step. What was enlarged by a factor between two steps is off by 2 % at most, which the
search bears (measured: benchmarks/trial_leaks.py).
"""

from __future__ import annotations

import numpy as np

from flawforge.core.arrays import Floats, Ints
from flawforge.core.images import Pixels, in_channels, resize
from flawforge.core.progress import SILENT, Progress
from flawforge.data.dataset import Dataset
from flawforge.data.grouping.overlap import connected, find_overlaps, reduction
from flawforge.data.threads import in_threads

STEP = 1.045  # between two sizes that are tried
LARGEST = 2.0  # enlargement that is still looked for
SMALLEST = 48  # pixels of the short side under which a part has too little texture to be told
SLICE = 2000  # images in question that are held in memory at a time, reduced to about 256 pixels


def enlargements() -> Floats:
    """Return the factors that are tried, from `STEP` to `LARGEST`."""
    count = int(np.ceil(np.log(LARGEST) / np.log(STEP)))
    return np.asarray(STEP ** np.arange(1, count + 1), dtype=np.float64)


def find_enlarged(suspects: Dataset, originals: Dataset, progress: Progress = SILENT) -> Ints:
    """Return (P, 2) index of a suspect, index of an original that it shows an enlarged part of; each suspect once.

    Found are parts enlarged by 1.04 to 2 times, mirrored and turned by quarters too, that have texture. Not found are
    parts enlarged more or unevenly, or turned by other angles.

    Args:
        suspects: images that may be enlarged parts.
        originals: images that they may be parts of.
        progress: where to tell how far it is. The work grows as (suspects + originals) times the 16 sizes.
    """
    sides = [min(sample.height, sample.width) for part in (suspects, originals) for sample in part.samples]
    factor = reduction(sides)
    known = _grays(originals, range(len(originals)), factor)
    found: dict[int, int] = {}
    slices = [range(start, min(start + SLICE, len(suspects))) for start in range(0, len(suspects), SLICE)]
    with progress.task("looking for enlarged parts", len(slices) * len(enlargements()), "sizes") as task:
        for numbers in slices:
            held = _grays(suspects, numbers, factor)
            for enlargement in enlargements():
                for suspect, original in _matched(held, known, float(enlargement)):
                    found.setdefault(numbers[suspect], original)
                task.advance()
    return np.array(sorted(found.items()), dtype=np.int64).reshape(-1, 2)


def _matched(held: list[Pixels], known: list[Pixels], enlargement: float) -> list[tuple[int, int]]:
    """Return the pairs that show the same once the held ones are as much smaller as they were enlarged."""
    sizes = [(round(image.shape[0] / enlargement), round(image.shape[1] / enlargement)) for image in held]
    tried = [number for number, size in enumerate(sizes) if min(size) >= SMALLEST]

    def read(index: int) -> Pixels:
        if index < len(known):
            return known[index]
        number = tried[index - len(known)]
        return resize(held[number], *sizes[number])

    count = len(known) + len(tried)
    groups = connected(find_overlaps(read, count, factor=1), count).tolist()
    first = {group: original for original, group in reversed(list(enumerate(groups[: len(known)])))}
    after = groups[len(known) :]
    return [(tried[place], first[group]) for place, group in enumerate(after) if group in first]


def _grays(dataset: Dataset, numbers: range, factor: int) -> list[Pixels]:
    """Return (H, W) uint8 images, made smaller by a whole factor."""
    scale = 255 / dataset.white

    def gray(index: int) -> Pixels:
        plane = in_channels(dataset.read(index), 1)
        eight: Pixels = np.rint(np.minimum(plane, dataset.white) * scale).astype(np.uint8)
        height, width = eight.shape
        return resize(eight, max(1, height // factor), max(1, width // factor)) if factor > 1 else eight

    return list(in_threads(gray, numbers))
