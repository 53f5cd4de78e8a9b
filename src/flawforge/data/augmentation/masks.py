"""Where the defect is: the masks or boxes of a dataset's samples, at the size that a model sees."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from flawforge.core.arrays import Bools
from flawforge.data.dataset import Dataset

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
        large = data.mask(index, data.samples[index].label)
        if large.any():
            small = Image.fromarray(large.astype(np.float32)).resize((width, height), Image.Resampling.BOX)
            masks[row] = np.asarray(small) >= COVERED
    return masks
