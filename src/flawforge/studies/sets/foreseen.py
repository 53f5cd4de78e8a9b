"""Images taken while they were examined, so that each is decoded once: reduced ones, and the real ones as they are.

Real images are read again for their groups, and where they cannot be reduced at once. How images are levelled is known
when all have been examined. Mostly it can be foreseen from the sizes of some files: gray images of 8 bits in a format
without loss, of like proportions, lose an even border and are reduced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import numpy as np
from PIL import Image

from flawforge.core.arrays import Bytes
from flawforge.core.images import Pixels
from flawforge.data.dataset import Dataset
from flawforge.data.levelling import Level
from flawforge.data.reading.file_tree import walk
from flawforge.studies.sets.level_plan import common_resolution, unlike

MOST = 1 << 30  # bytes of a shelf
LOOKED_AT = 32  # files of each folder whose sizes are looked up


class Foreseen:
    """Images as they will probably be compared.

    Attributes:
        level: what they pass; None: it cannot be foreseen, and nothing is kept.
    """

    def __init__(self, sides: Sequence[object], memory: float) -> None:
        """Look at some files of both sides.

        Args:
            sides: the real and the generated images; only folders can be foreseen.
            memory: bytes that kept images may take; more are not kept.
        """
        sizes = [_middling(Path(side)) for side in sides if isinstance(side, (str, Path)) and Path(side).is_dir()]
        known = [size for size in sizes if size is not None]
        foreseen = len(known) == len(sides) == 2 and not unlike((known[0], known[1]))
        self.level = Level(1, common_resolution((known[0], known[1]), None), crop=True) if foreseen else None
        self._shelf = PixelShelf(memory)

    def see(self, sha256: str, pixels: Pixels) -> None:
        """Take in an image that was decoded."""
        if self.level is not None and pixels.dtype == np.uint8 and pixels.ndim == 2 and not self._shelf.full:
            self._shelf.put(sha256, self.level.apply(pixels, 255))

    def take(self, sha256: str, level: Level, white: int) -> Bytes | None:
        """Return an image as `level` makes it; None where it was not foreseen so."""
        return self._shelf.images.get(sha256) if level == self.level and white == 255 else None


class PixelShelf:
    """Images of 8 bits in one piece of memory, which is given back as a whole: many small pieces are not.

    Attributes:
        images: them, by the SHA-256 of their pixels.
        full: whether one did not fit any more.
    """

    def __init__(self, memory: float) -> None:
        """Make room for so many bytes, 1 GB at most; what is not used takes none."""
        self.images, self.full = dict[str, Bytes](), False
        self._room, self._used, self._lock = np.empty(int(min(memory, MOST)), np.uint8), 0, Lock()

    def put(self, sha256: str, pixels: Pixels) -> None:
        """Keep an image, if it has 8 bits and there is room."""
        if pixels.dtype != np.uint8:
            return
        with self._lock:
            first, self._used = self._used, self._used + pixels.nbytes
            self.full = self._used > len(self._room)
            if self.full:
                return
        place = self._room[first : first + pixels.nbytes].reshape(pixels.shape)
        place[:] = pixels
        self.images[sha256] = place

    def clear(self) -> None:
        """Give the memory back."""
        self.images.clear()
        self._room, self.full = np.empty(0, np.uint8), True


@dataclass(frozen=True)
class HeldDataset(Dataset):
    """A dataset some of whose images were kept when they were examined.

    Attributes:
        held: them, by the SHA-256 of their pixels.
    """

    held: Mapping[str, Bytes] = field(default_factory=dict, repr=False, compare=False)

    def read(self, index: int) -> Pixels:
        """Return one sample's pixels, as `Dataset.read`."""
        sample = self.samples[index]
        kept = self.held.get(sample.sha256) if self.bits == 8 and sample.tile is None else None
        return super().read(index) if kept is None else kept


def held_of(dataset: Dataset, shelf: PixelShelf) -> Dataset:
    """Return the dataset with what was kept of it."""
    if not shelf.images:
        return dataset
    values = {name: getattr(dataset, name) for name in Dataset.__dataclass_fields__}
    return HeldDataset(**values, held=shelf.images)


def _middling(folder: Path) -> tuple[int, int] | None:
    """Return the middling height and width of a folder's images, by the headers of some; None where one has none."""
    files = walk(folder).images
    rows = np.linspace(0, len(files) - 1, min(LOOKED_AT, len(files))).astype(int)
    sizes = []
    for row in np.unique(rows).tolist():
        try:
            with Image.open(folder / files[row]) as image:
                sizes.append((image.height, image.width))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # examining says what is wrong
            return None
    if not sizes:
        return None
    height, width = np.median(sizes, axis=0)
    return int(height), int(width)
