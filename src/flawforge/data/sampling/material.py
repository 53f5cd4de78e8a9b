"""What images are composed of: the details of training images, and the light of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from flawforge.core.arrays import Bools, Floats32, Ints
from flawforge.core.images import Pixels, in_channels
from flawforge.core.progress import SILENT, Progress
from flawforge.core.seeds import numpy_stream
from flawforge.data.augmentation.composition import Detail, Light, Place
from flawforge.data.dataset import Dataset
from flawforge.data.good_names import find_good
from flawforge.data.sampling.unlabelled import as_unlabelled
from flawforge.data.threads import in_threads, told_in_threads

MOST_DONORS = 512  # whose light one class gets; more bring hardly anything new
CACHE_BYTES = 1 << 28  # of decoded training images
FLAT = 2 / 255  # an image whose levels differ by no more shows nothing; a donor so near to black or white has no light


@dataclass(frozen=True)
class Donors:
    """Images whose light a class gets: their lights, their files, and `own`: they are of the class itself. `unlit` are
    left out: they are black or white all over.
    """

    lights: list[Light]
    files: list[str]
    own: bool
    unlit: int = 0


class Material(Sequence[Detail]):
    """The training images as details, by their row, decoded when they are asked for; and donors of light for a class.

    Args:
        training: the images to compose of.
        others: further donors of light, whose classes do not count; None: none.
        barred: SHA-256 of images that give no light, as they show specimens that are held out.
        channels: 1 or 3, of the images to make.
        progress: where to tell how far the reading is.
    """

    def __init__(
        self,
        training: Dataset,
        others: Dataset | None = None,
        barred: Sequence[str] = (),
        channels: int | None = None,
        progress: Progress = SILENT,
    ) -> None:
        self.training, self.others, self.barred = training, others, frozenset(barred)
        self.channels, self.progress = channels or training.channels, progress
        largest = max((sample.height * sample.width for sample in training.samples), default=1)
        self._detail = lru_cache(max(8, CACHE_BYTES // (4 * self.channels * largest)))(self._read)
        self._donors: dict[str, Donors] = {}
        self._sources: dict[str, list[int]] = {}

    def __len__(self) -> int:
        """Return the number of training images."""
        return len(self.training)

    def __getitem__(self, row: int) -> Detail:  # type: ignore[override]
        """Return a training image as a source of details."""
        return self._detail(int(row))

    def rows(self, label: str) -> list[int]:
        """Return the rows of a class."""
        return [row for row, sample in enumerate(self.training.samples) if sample.label == label]

    def sources(self, label: str) -> list[int]:
        """Return the rows of a class whose details are used: those that show anything, or all where none does."""
        if label not in self._sources:
            rows = self.rows(label)
            shown = in_threads(lambda row: float(np.ptp(self[row].pixels, axis=(0, 1)).max()) > FLAT, rows)
            self._sources[label] = [row for row, seen in zip(rows, shown, strict=True) if seen] or rows
        return self._sources[label]

    @cached_property
    def groups(self) -> Ints:
        """(N,) groups of the training images."""
        return self.training.groups(self.progress)

    def donors(self, label: str) -> Donors:
        """Return the donors of a class: other classes' training images of other specimens, and the others.

        Where there are none, the class's own images give each other their light.
        """
        if label not in self._donors:
            self._donors[label] = self._find_donors(label)
        return self._donors[label]

    def _find_donors(self, label: str) -> Donors:
        own = set(self.rows(label))
        specimens = {int(self.groups[row]) for row in own}
        usable = [
            row
            for row, sample in enumerate(self.training.samples)
            if row not in own and int(self.groups[row]) not in specimens and sample.sha256 not in self.barred
        ]
        found = [(self.training, row) for row in usable]
        found += [(self.others, row) for row in range(len(self.others))] if self.others is not None else []
        if len(found) > MOST_DONORS:
            chosen = numpy_stream(0, "sizes", "donors", label).choice(len(found), MOST_DONORS, replace=False)
            found = [found[place] for place in np.sort(chosen).tolist()]
        lights = self._lights(label, found)
        lit = [place for place, light in enumerate(lights) if not _unlit(light)]
        unlit, within = len(lights) - len(lit), not lit
        found, lights = [found[place] for place in lit], [lights[place] for place in lit]
        if within:
            found = [(self.training, row) for row in self.sources(label)]
            lights = self._lights(label, found)
        return Donors(lights, [data.samples[row].file for data, row in found], within, unlit)

    def _lights(self, label: str, found: Sequence[tuple[Dataset, int]]) -> list[Light]:
        title = f"reading the light for {label}"
        return list(told_in_threads(lambda one: self._light(*one), found, self.progress, title))

    def _read(self, row: int) -> Detail:
        sample = self.training.samples[row]
        places = tuple(Place(box.label, box.left, box.top, box.right, box.bottom) for box in sample.boxes)
        return Detail(floats(self.training.read(row), self.training, self.channels), _mask(self.training, row), places)

    def _light(self, data: Dataset, row: int) -> Light:
        mask = data.mask(row) if data.samples[row].marks else None  # also what lies in boxes
        return Light.of(floats(data.read(row), data, 1), mask)


def _unlit(light: Light) -> bool:
    return light.ground is None and bool(light.grid.max() <= FLAT or light.grid.min() >= 1 - FLAT)


def _mask(data: Dataset, row: int) -> Bools | None:
    marked = any(mark.regions for mark in data.samples[row].marks)
    return data.mask(row) if marked else None


def floats(pixels: Pixels, data: Dataset, channels: int) -> Floats32:
    """Return (H, W) or (H, W, 3) float32, 0 to 1, of a dataset's pixels."""
    return np.minimum(in_channels(pixels, channels), data.white).astype(np.float32) / np.float32(data.white)


def donors_in(
    whole: Dataset, chosen: Dataset, progress: Progress = SILENT
) -> tuple[Dataset | None, tuple[str, ...], tuple[str, ...]]:
    """Return the images of `whole` that may give light to chosen ones, which of the chosen may not, and good donors.

    Donors are the images of the classes that were not chosen. Neither they nor chosen images count as donors when they
    show the same specimen as an image of a chosen class that was left out: that is held out.

    Returns:
        The donors, labelled as unlabelled images are (None: there are none), the SHA-256 of chosen images that are
        barred, and that of donors without a defect.
    """
    taken = {sample.file for sample in chosen.samples}
    kept_back = [
        row for row, sample in enumerate(whole.samples) if sample.label in chosen.classes and sample.file not in taken
    ]
    barred: set[int] = set()
    groups = whole.groups(progress) if kept_back else np.arange(len(whole))
    if kept_back:
        barred = set(groups[kept_back].tolist())
    given = whole.take(
        row
        for row, sample in enumerate(whole.samples)
        if sample.label not in chosen.classes and int(groups[row]) not in barred
    )
    refused = [
        sample.sha256 for row, sample in enumerate(whole.samples) if sample.file in taken and int(groups[row]) in barred
    ]
    others = sum(sample.label not in chosen.classes for sample in whole.samples)
    if dark := others - len(given) + len(refused):
        progress.say(f"{dark} images show specimens that are held out, and give no light")
    clean = find_good(whole.classes)
    good = sorted({sample.sha256 for sample in given.samples if sample.label == clean})
    return (as_unlabelled(given) if len(given) else None), tuple(sorted(refused)), tuple(good)
