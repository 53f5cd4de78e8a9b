"""Images that were levelled once and are kept as they are compared: datasets and sets that read from an array."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from flawforge.core.arrays import Bytes
from flawforge.core.images import Pixels
from flawforge.core.progress import Progress
from flawforge.data.cache import recall_content, remember_content, trim_features
from flawforge.data.dataset import Dataset
from flawforge.data.levelling import Level
from flawforge.data.threads import in_threads
from flawforge.runs.set_files import ManifestEntry, SetFiles
from flawforge.studies.sets.foreseen import Foreseen
from flawforge.studies.sets.synthetic_set import SyntheticSet, by_hand_in

EIGHT_BITS = (8, 65535)
TOGETHER = 64  # images that are levelled, and remembered, together
LEVELLING = 2  # raise it when a level gives other pixels


@dataclass(frozen=True)
class StoredDataset(Dataset):
    """A dataset whose images were levelled.

    Attributes:
        levelled: (M, H, W) or (M, H, W, 3) uint8, one of each content.
        rows: SHA-256 of a sample's own pixels to its row.
    """

    levelled: Bytes = field(default_factory=lambda: np.zeros((0, 1, 1), np.uint8), repr=False, compare=False)
    rows: Mapping[str, int] = field(default_factory=dict, repr=False, compare=False)

    def read(self, index: int) -> Pixels:
        """Return one sample as it is compared: (H, W) or (H, W, 3) uint8."""
        return np.asarray(self.levelled[self.rows[self.samples[index].sha256]])


def store(
    dataset: Dataset, level: Level, memory: float, title: str, progress: Progress, foreseen: Foreseen | None = None
) -> StoredDataset:
    """Level all images of a dataset, each content once, and return it with them.

    Args:
        dataset: the images.
        level: what each passes.
        memory: bytes beyond which the pixels wait in a file that no kill leaves behind.
        title: of the progress.
        progress: where to tell how far it is.
        foreseen: images that were reduced when they were examined.
    """
    first: dict[str, int] = {}
    for index, sample in enumerate(dataset.samples):
        first.setdefault(sample.sha256, index)
    wanted = list(first.values())
    shape = (len(wanted), *level.resolution, *((3,) if level.channels == 3 else ()))
    pixels = _room(shape, memory)

    def one(index: int) -> Pixels:
        known = None if foreseen is None else foreseen.take(dataset.samples[index].sha256, level, dataset.white)
        return known if known is not None else level.apply(dataset.read(index), dataset.white)

    with progress.task(title, len(wanted), "images") as task:
        for start in range(0, len(wanted), TOGETHER):
            rows_now = wanted[start : start + TOGETHER]
            pixels[start : start + len(rows_now)] = _levelled(dataset, rows_now, level, one, shape[1:])
            task.advance(len(rows_now))
    trim_features()
    values = {name: getattr(dataset, name) for name in Dataset.__dataclass_fields__}
    rows = {sha256: row for row, sha256 in enumerate(first)}
    return StoredDataset(**{**values, "scale": EIGHT_BITS}, levelled=pixels, rows=rows)


def _levelled(
    dataset: Dataset, rows: list[int], level: Level, one: Callable[[int], Pixels], shape: tuple[int, ...]
) -> Bytes:
    """Return some images levelled, from the cache where they were levelled so before."""
    contents = (dataset.samples[row].sha256 for row in rows)
    key = hashlib.sha256("\n".join([f"levelled {LEVELLING} {level!r} {dataset.white}", *contents]).encode()).hexdigest()
    kept = recall_content(key)
    if len(kept) == len(rows) * int(np.prod(shape)):
        return np.frombuffer(kept, np.uint8).reshape(len(rows), *shape)
    made = np.stack(list(in_threads(one, rows)))
    remember_content(key, made.tobytes())
    return made


def _room(shape: tuple[int, ...], memory: float) -> Bytes:
    if np.prod(shape) <= memory:
        return np.empty(shape, np.uint8)
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, np.uint8, "w+", shape=shape)


@dataclass(frozen=True)
class ForeignSet(SyntheticSet):
    """Generated images that another tool wrote, or that came as arrays; they have no manifest.

    Attributes:
        images: them, levelled.
    """

    images: StoredDataset

    @classmethod
    def of(cls, images: StoredDataset) -> ForeignSet:
        """Return the set of these images."""
        facts = {"n": len(images), "white": images.white, "classes": images.counts}
        files = SetFiles(images.root, facts, by_hand_in(images.root), images.fingerprint, changed=False)
        return cls(images.root, len(images), facts, files, images)

    def entries(self) -> Iterator[ManifestEntry]:
        """Return the images in their order; sizes are those at which they are compared."""
        height, width = self.images.levelled.shape[1:3]
        mode = "L" if self.images.levelled.ndim == 3 else "RGB"
        for index, sample in enumerate(self.images.samples):
            yield ManifestEntry(sample.file, sample.label, 0, index, "", sample.sha256, width, height, mode)

    def white(self, entry: ManifestEntry) -> int:
        """Return 255."""
        return self.images.white

    def read(self, entry: ManifestEntry) -> Pixels:
        """Return an image as it is compared."""
        return self.images.read(entry.index)

    def decoded(self, entry: ManifestEntry, bits: int) -> Pixels:
        """Return it likewise: it has 8 bits, as the real ones beside it."""
        return self.read(entry)


def without(dataset: Dataset, root: Path) -> Dataset:
    """Return the dataset without the images below a folder."""
    folder = root.resolve()
    kept = [index for index, sample in enumerate(dataset.samples) if folder not in (dataset.root / sample.path).parents]
    return replace(dataset, samples=tuple(dataset.samples[index] for index in kept))
