"""Grounds: the real images that defects are put on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from flawforge.core.arrays import Bools, Ints
from flawforge.core.errors import DataUnusableError
from flawforge.data.augmentation.positions import Ground
from flawforge.data.dataset import Dataset
from flawforge.data.good_names import find_good
from flawforge.data.sample import Sample
from flawforge.data.sampling.material import Material, floats

KEPT = 64  # grounds that are not read again


@dataclass(frozen=True)
class Source:
    """One image of a dataset, and the class whose defect it shows; empty: none."""

    data: Dataset
    row: int
    label: str = ""

    @property
    def sample(self) -> Sample:
        """What is known of the image."""
        return self.data.samples[self.row]


def refuse_defects(given: Dataset, classes: Sequence[str], good: str | None) -> None:
    """Refuse a user's grounds on which a defect is marked, or whose class is one of defects.

    Args:
        given: the images. classes: of the data they are for. good: the one of these without defects; None: none is.

    Raises:
        DataUnusableError: there are such.
    """
    if marked := [one.file for one in given.samples if one.marks]:
        raise DataUnusableError(
            f"--grounds {given.source}: a defect is marked on {len(marked):,} of {len(given):,} images (such as "
            f"{marked[0]}). Give good images only."
        )
    own = find_good(given.classes)
    clean = {own, good, ""} if own else {*given.classes, ""} - ({*classes} - {good})
    if shown := [one.file for one in given.samples if one.label not in clean]:
        raise DataUnusableError(
            f"--grounds {given.source}: {len(shown):,} of {len(given):,} images (such as {shown[0]}) are of another "
            f"class than the good ones. Give good images only."
        )


class Grounds:
    """Good images; for a class without any, its own images, whose own defects stay.

    Args:
        material: the training images.
        good_donors: SHA-256 of images without a defect beside the training images.
        given: images to use in place of all these, without defects.
        region: (H, W) bool, where defects may lie; it holds for grounds of its size. None: anywhere on the part.
    """

    def __init__(
        self,
        material: Material,
        good_donors: Collection[str] = (),
        given: Dataset | None = None,
        region: Bools | None = None,
    ) -> None:
        training, others = material.training, material.others
        good = find_good(training.classes)
        self.channels, self.region, known = material.channels, region, set(good_donors)
        own = [Source(training, row) for row, one in enumerate(training.samples) if one.label == good]
        beside = (
            [] if others is None else [Source(others, r) for r, s in enumerate(others.samples) if s.sha256 in known]
        )
        self.good = [*own, *beside] if given is None else [Source(given, row) for row in range(len(given))]
        self.sources = list(self.good)
        if not self.good:  # what is unmarked of images whose labels say where their defect is
            self.sources = [Source(training, row, one.label) for row, one in enumerate(training.samples) if one.marks]
        if region is not None:
            self.sources = [source for source in self.sources if self.size(source) == region.shape]
        self._read = lru_cache(KEPT)(self._ground)

    def of_class(self, label: str) -> Ints:
        """Return the numbers of the grounds for a class: what they show beside its defects is no defect."""
        return np.array([n for n, source in enumerate(self.sources) if source.label in ("", label)], dtype=np.int64)

    def __getitem__(self, number: int) -> Ground:
        """Return a ground with its pixels."""
        return self._read(int(number))

    def content(self, number: int) -> str:
        """Return the SHA-256 of a ground's pixels; empty: it is of no dataset."""
        return self.sources[number].sample.sha256

    def size(self, source: Source) -> tuple[int, int]:
        """Return (height, width) of a ground."""
        return source.sample.height, source.sample.width

    def of_size(self, numbers: Ints, size: Sequence[int]) -> Ints:
        """Return those of some grounds that have a size."""
        return np.array([n for n in numbers if self.size(self.sources[n]) == tuple(size)], dtype=np.int64)

    def _ground(self, number: int) -> Ground:
        source = self.sources[number]
        pixels = floats(source.data.read(source.row), source.data, self.channels)
        marked = source.data.mask(source.row, source.label) if source.label else None
        return Ground(pixels, marked, self.region)


class OneGround(Grounds):
    """One image that belongs to no dataset, for any class."""

    def __init__(self, ground: Ground) -> None:
        self.ground, self.region, self.good, self.sources = ground, ground.region, [], []

    def of_class(self, label: str) -> Ints:
        """Return its number."""
        return np.zeros(1, np.int64)

    def __getitem__(self, number: int) -> Ground:
        """Return it."""
        return self.ground

    def content(self, number: int) -> str:
        """Return nothing: it is of no dataset."""
        return ""

    def of_size(self, numbers: Ints, size: Sequence[int]) -> Ints:
        """Return its number, where it has this size."""
        return numbers if self.ground.size == tuple(size) else numbers[:0]
