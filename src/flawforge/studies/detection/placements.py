"""Defects of designed size and strength, put on held-out good images: a pilot that finds the range of sizes, and the
study.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from flawforge.core.arrays import Bools, Floats
from flawforge.core.images import Pixels, to_pixels
from flawforge.core.seeds import numpy_stream
from flawforge.data.augmentation.pasting import Defect, largest_factor, place_defect
from flawforge.data.grouping.registration import turned
from flawforge.studies.detection.material import DetectionMaterial, SourceDefect

STRENGTHS = (0.7, 1.0, 1.4)  # of the contrast of the real defect
SMALLEST = 2.0  # pixels
REDUCED, ENLARGED = 8.0, 4.0  # a real defect is shown at most so much smaller, and larger: beyond, it is only a blur
RUNGS, PILOTS = 8, 2  # sizes of the pilot, and placements of each


@dataclass(frozen=True)
class AskedPlacement:
    """What is to be put where: source and ground by their numbers, extent in pixels, strength, and a number from 0 to 7
    for how it is turned (`flawforge.data.grouping.registration.turned`).
    """

    source: int
    ground: int
    extent: float
    strength: float
    turn: int


@dataclass(frozen=True)
class Placement:
    """A ground with a defect on it, and what is known of the defect.

    Attributes:
        asked: what was asked for.
        pixels: (H, W) or (H, W, 3), 0 to the data's white.
        extent: longest extent of its mask in pixels. contrast: mean absolute difference to the light around it, in gray
            levels of 255.
        middle: (down, right) of its box's middle, in shares of the image.
        corners: top, left, bottom and right of its box in pixels.
    """

    asked: AskedPlacement
    pixels: Pixels
    extent: float
    contrast: float
    middle: tuple[float, float]
    corners: tuple[int, int, int, int]


@dataclass(frozen=True)
class PlacementDesign:
    """How the placements of a class are drawn.

    Attributes:
        material: the images. label: the class. turns: that a defect may take. seed: of all draws.
    """

    material: DetectionMaterial
    label: str
    turns: tuple[int, ...]
    seed: int

    @property
    def sources(self) -> list[SourceDefect]:
        """The training defects of the class."""
        return self.material.sources[self.label]

    def reach(self) -> tuple[float, float]:
        """Return the smallest and the largest size that can be placed, in pixels."""
        smallest = min(source.extent for source in self.sources) / REDUCED
        ground = np.min([self.material.size(int(row)) for row in self.material.grounds], axis=0)
        largest = max(source.extent * self._factor(source, ground) for source in self.sources)
        return max(SMALLEST, smallest), max(largest, SMALLEST * 1.5)

    def pilot(self) -> list[AskedPlacement]:
        """Return a few placements of sizes over all that can be placed, the smallest first."""
        sizes = np.repeat(np.geomspace(*self.reach(), RUNGS), PILOTS)
        return self.draw(sizes, np.ones(len(sizes)), "pilot")

    def study(self, n: int, low: float, high: float) -> list[AskedPlacement]:
        """Return n placements of sizes spread evenly in the logarithm, each strength as often as any other."""
        strengths = self._stream("strengths").permutation(np.resize(STRENGTHS, n))
        return self.draw(np.geomspace(low, high, n), strengths, "study")

    def draw(self, sizes: Floats, strengths: Floats, stage: str) -> list[AskedPlacement]:
        """Return placements of these sizes and strengths: grounds come in turn, sources and turns are drawn."""
        rng, grounds = self._stream(stage), self._stream(f"{stage}-grounds").permutation(len(self.material.grounds))
        asked = []
        for number, (size, strength) in enumerate(zip(sizes, strengths, strict=True)):
            turn = int(rng.choice(self.turns))
            ground = int(grounds[number % len(grounds)])
            asked.append(
                AskedPlacement(self._source(float(size), ground, rng), ground, float(size), float(strength), turn)
            )
        return asked

    def place(self, asked: AskedPlacement, stage: str, number: int) -> Placement:
        """Make one placement; its place depends on stage and number alone."""
        source, row = self.sources[asked.source], int(self.material.grounds[asked.ground])
        ground = self.material.pixels(row)
        plain = self.material.defects(source.row)[source.part]
        defect = Defect(*(turned(part, asked.turn) for part in (plain.pixels, plain.mask, plain.marked)))
        top, left, bottom, right = defect.corners
        factor = min(asked.extent / source.extent, largest_factor((bottom - top, right - left), ground.shape))
        made = place_defect(defect, ground, factor, asked.strength, self._stream(stage, number))
        found, white = made.defect, self.material.data.white
        pixels = to_pixels(made.pixels * 2 - 1, white)
        top, left, bottom, right = found.corners
        middle = (top + bottom) / 2 / ground.shape[0], (left + right) / 2 / ground.shape[1]
        return Placement(asked, pixels, found.extent, found.contrast, middle, found.corners)

    def growing(self, low: float, high: float, count: int) -> list[Placement]:
        """Return one defect at growing sizes on one ground, at its own strength: the one of middling size."""
        order = np.argsort([source.extent for source in self.sources])
        ground = int(self._stream("growing").integers(len(self.material.grounds)))
        size = self.material.size(int(self.material.grounds[ground]))
        source = int(order[len(order) // 2])
        most = self.sources[source].extent * self._factor(self.sources[source], size)
        asked = AskedPlacement(source, ground, low, 1.0, 0)
        sizes = np.geomspace(min(low, most / 2), min(high, most), count)
        return [self.place(replace(asked, extent=float(extent)), "growing", 0) for extent in sizes]

    def _source(self, size: float, ground: int, rng: Generator) -> int:
        """Draw a source that can be shown in this size; where none can, take the one that comes nearest."""
        shape = self.material.size(int(self.material.grounds[ground]))
        factors = np.array([size / source.extent for source in self.sources])
        most = np.array([self._factor(source, shape) for source in self.sources])
        able = np.flatnonzero((factors >= 1 / REDUCED) & (factors <= most * 1.001))
        if len(able):
            return int(rng.choice(able))
        return int(np.argmin(np.abs(np.log(factors / np.clip(factors, 1 / REDUCED, most)))))

    def _factor(self, source: SourceDefect, ground: Sequence[int]) -> float:
        """Return by how much a source is enlarged at most, however it is turned."""
        across = (ground[1], ground[0]) if any(turn & 4 for turn in self.turns) else ground
        return max(1e-3, min(ENLARGED, largest_factor(source.box, ground), largest_factor(source.box, across)))

    def _stream(self, stage: str, number: int = 0) -> Generator:
        return numpy_stream(self.seed, "augmentation", "pod", self.label, stage, number)


def range_of(sizes: Floats, hits: Bools) -> tuple[float, float]:
    """Return from where to where sizes are worth asking: a rung below the first that was found, a rung above the last
    that was missed.

    Args:
        sizes: (N,) of the pilot, ascending. hits: (N,) bool.
    """
    rungs = np.unique(sizes)
    first = int(np.searchsorted(rungs, sizes[hits].min())) if hits.any() else 0
    last = int(np.searchsorted(rungs, sizes[~hits].max())) if not hits.all() else len(rungs) - 1
    low, high = rungs[max(0, first - 1)], rungs[min(len(rungs) - 1, last + 1)]
    return (float(low), float(high)) if low < high else (float(rungs[0]), float(rungs[-1]))
