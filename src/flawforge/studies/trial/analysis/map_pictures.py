"""Pictures of the test images whose maps changed: the image, what is marked in it, and the map of each arm."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from scipy import ndimage

from flawforge.core.arrays import Bools, Bytes
from flawforge.core.images import as_picture, grid, in_channels
from flawforge.core.settings.arms import in_order
from flawforge.runs.cells import MAPS, Cell, CellKey
from flawforge.runs.trials import Comparison
from flawforge.studies.sets import RecordPictures
from flawforge.studies.trial.setup.bench import Bench

ACROSS = 4  # pictures in a row


def with_map_pictures(folder: Path, bench: Bench, comparison: Comparison, cells: Mapping[CellKey, Cell]) -> Comparison:
    """Keep a picture of every changed image that the record names: the image, its mask, and the maps of the first
    repeat, arm by arm, white where a defect is certain.
    """
    assert bench.masks is not None
    setting = (comparison.shots, comparison.model)
    maps = {
        key.arm: cell.arrays[MAPS]
        for key, cell in cells.items()
        if (key.shots, key.model) == setting and MAPS in cell.arrays
    }
    row_of = {bench.dataset.samples[int(index)].file: row for row, index in enumerate(bench.division.test)}
    pictures, flips = RecordPictures(folder, "pictures"), []
    for flip in comparison.flips:
        row = row_of[flip.file]
        index = int(bench.division.test[row])
        plain = in_channels(as_picture(bench.images[index]), 1)
        panels = [plain, _outlined(plain, bench.masks[index]), *(maps[arm][row] for arm in in_order(list(maps)))]
        flips.append(flip.model_copy(update={"picture": pictures.keep(grid(panels, ACROSS))}))
    return comparison.model_copy(update={"flips": flips})


def _outlined(image: Bytes, mask: Bools) -> Bytes:
    """Return an image darkened, with the outline of what is marked in white."""
    outline = ndimage.binary_dilation(mask) & ~mask
    return np.where(outline, np.uint8(255), image // 2).astype(np.uint8)
