"""Images taken while they were examined, so that each is decoded once: reduced ones, and the real ones as they are.

Real images are read again for their groups, and where they cannot be reduced at once. How images are levelled is known
when all have been examined. Mostly it can be foreseen from the sizes of some files: gray images of 8 bits in a format
without loss, of like proportions, lose an even border and are reduced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from flawforge.core.arrays import Bytes
from flawforge.core.images import Pixels
from flawforge.data.dataset import Dataset
from flawforge.data.levelling import Level
from flawforge.data.reading.file_tree import walk
from flawforge.studies.sets.level_plan import common_resolution, unlike

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
        self._memory, self._kept = memory, dict[str, Bytes]()

    def see(self, sha256: str, pixels: Pixels) -> None:
        """Take in an image that was decoded."""
        if self.level is None or pixels.dtype != np.uint8 or pixels.ndim != 2:
            return
        if len(self._kept) * int(np.prod(self.level.resolution)) < self._memory:
            self._kept[sha256] = np.asarray(self.level.apply(pixels, 255), dtype=np.uint8)

    def take(self, sha256: str, level: Level, white: int) -> Bytes | None:
        """Return an image as `level` makes it, and forget it; None where it was not foreseen so."""
        return self._kept.pop(sha256, None) if level == self.level and white == 255 else None


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


class Held:
    """Images of 8 bits, kept as they were decoded.

    Attributes:
        images: them, by the SHA-256 of their pixels.
    """

    def __init__(self, memory: float) -> None:
        """Keep none yet, and up to `memory` bytes."""
        self.images, self._left = dict[str, Bytes](), memory

    def see(self, sha256: str, pixels: Pixels) -> None:
        """Take in an image that was decoded."""
        if pixels.dtype == np.uint8 and pixels.nbytes <= self._left:
            self._left -= pixels.nbytes
            self.images[sha256] = np.asarray(pixels, dtype=np.uint8)

    def put_into(self, dataset: Dataset) -> Dataset:
        """Return the dataset with what was kept of it."""
        if not self.images:
            return dataset
        values = {name: getattr(dataset, name) for name in Dataset.__dataclass_fields__}
        return HeldDataset(**values, held=self.images)


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
