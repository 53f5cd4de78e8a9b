"""Real images that training keeps for choosing its best weights, where there are plenty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flawforge.core.arrays import Ints
from flawforge.core.progress import SILENT, Progress
from flawforge.core.seeds import numpy_stream
from flawforge.data.dataset import Dataset

PLENTY = 200  # images of every class, ...
SPECIMENS = 100  # ... that show so many specimens: then some are held out
SHARE = 8  # one image in so many ...
CLASS_LIMIT = 64  # ... and no more of a class
RULE = (
    f"one image in {SHARE} of each class, at most {CLASS_LIMIT}, by whole specimens, where every class has "
    f"{PLENTY} images or more of {SPECIMENS} specimens or more; else none"
)


@dataclass(frozen=True)
class HeldOutDivision:
    """Rows to train on, and rows that are held out (ascending, maybe none)."""

    training: Ints
    held_out: Ints


def keep_all(data: Dataset) -> HeldOutDivision:
    """Return the division that holds nothing out."""
    every = np.arange(len(data), dtype=np.int64)
    return HeldOutDivision(every, every[:0])


def hold_out(data: Dataset, seed: int, progress: Progress = SILENT) -> HeldOutDivision:
    """Divide a dataset by `RULE`. No group is on both sides.

    Args:
        data: the images that were chosen to learn from.
        seed: of the choice.
        progress: where to tell how the search for groups goes; it is only made where all classes have enough images.
    """
    if min(data.counts.values()) < PLENTY:
        return keep_all(data)
    groups = data.groups(progress)
    if min(len(np.unique(groups[data.labels == code])) for code in range(len(data.classes))) < SPECIMENS:
        return keep_all(data)
    taken = np.zeros(len(data), dtype=bool)
    for code, label in enumerate(data.classes):
        members = np.flatnonzero(data.labels == code)
        wanted = min(CLASS_LIMIT, len(members) // SHARE)
        for group in numpy_stream(seed, "split", "held-out", label).permutation(np.unique(groups[members])):
            same = groups == group
            if int(taken[members].sum()) + int(same[members].sum()) <= wanted:
                taken |= same
    return HeldOutDivision(np.flatnonzero(~taken), np.flatnonzero(taken))
