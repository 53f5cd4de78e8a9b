"""Where the defect is: the masks or boxes of a dataset's samples, at the size that a model sees."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from flawforge.core.arrays import Bools
from flawforge.core.progress import SILENT, Progress
from flawforge.data.dataset import Dataset
from flawforge.data.threads import told_in_threads

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
    masks = np.zeros((len(indices), *resolution), dtype=bool)
    for row, index in enumerate(indices):
        masks[row] = fitted_mask(data.mask(index, data.samples[index].label), resolution, COVERED)
    return masks


def all_masks(data: Dataset, good: str | None, resolution: tuple[int, int], progress: Progress = SILENT) -> Bools:
    """Return (N, H, W) bool of all samples, True on whatever is marked in them; all False for the class `good`.

    As `defect_masks`, but defects of other classes count too, and the smallest one keeps a pixel.

    Raises:
        ImageBrokenError: a mask cannot be read.
    """
    masks = np.zeros((len(data), *resolution), dtype=bool)

    def one(index: int) -> Bools:
        sample = data.samples[index]
        return masks[index] if sample.label == good or not sample.marks else fitted_mask(data.mask(index), resolution)

    for index, mask in enumerate(told_in_threads(one, range(len(data)), progress, "reading masks")):
        masks[index] = mask
    return masks


def fitted_mask(large: Bools, resolution: tuple[int, int], covered: float | None = None) -> Bools:
    """Return a mask (H, W) at another size: a pixel is marked where the share `covered` of it is; None: `COVERED`, but
    what is marked keeps a pixel at least.
    """
    if not large.any():
        return np.zeros(resolution, dtype=bool)
    part = Image.fromarray(large.astype(np.float32)).resize(resolution[::-1], Image.Resampling.BOX)
    small = np.asarray(part)
    return np.asarray(small >= (min(COVERED, float(small.max())) if covered is None else covered))
