"""Where the defect is: the masks or boxes of a dataset's samples, at the size that a model sees."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from flawforge.core.arrays import Bools
from flawforge.core.errors import ImageBrokenError
from flawforge.data.dataset import Dataset
from flawforge.data.sample import Sample

COVERED = 0.25  # a pixel of the small mask is set where the large one's covers this part of it, so thin defects stay


def defect_masks(data: Dataset, indices: Sequence[int], resolution: tuple[int, int]) -> Bools:
    """Return (n, H, W) bool, True on the defect; all False for a sample that has neither mask nor box of its class.

    Args:
        data: whose samples.
        indices: which of them.
        resolution: (height, width); proportions are not kept, as in `Dataset.pixels`.

    Raises:
        ImageBrokenError: a mask cannot be read.
    """
    height, width = resolution
    masks = np.zeros((len(indices), height, width), dtype=bool)
    for row, index in enumerate(indices):
        sample = data.samples[index]
        large = _mask(data.root / sample.mask) if sample.mask is not None else _boxed(sample)
        if large.any():
            small = Image.fromarray(large.astype(np.float32)).resize((width, height), Image.Resampling.BOX)
            masks[row] = np.asarray(small) >= COVERED
    return masks


def _mask(path: Path) -> Bools:
    """Return (H, W), True where a mask is not black."""
    try:
        with Image.open(path) as file:
            pixels = np.asarray(file.convert("L") if file.mode in ("P", "RGB", "RGBA", "LA", "1") else file)
    except (OSError, ValueError, SyntaxError) as error:
        raise ImageBrokenError(path, f"is no mask that can be read: {error}") from None
    return np.asarray(pixels > 0)


def _boxed(sample: Sample) -> Bools:
    """Return (H, W), True inside the boxes of the sample's own class."""
    mask = np.zeros((sample.height, sample.width), dtype=bool)
    for box in sample.boxes:
        if box.label == sample.label:
            mask[box.top : box.bottom, box.left : box.right] = True
    return mask
