"""Seams: straight discontinuities at one place of all images, as tiles that were joined leave them.

The step from one row of pixels to the next is compared with the larger of the steps before and after it, so that
texture and edges of defects cancel on average, and a rim from which on images are sharper is no seam. A seam raises it
at the same row (or column) of every generated image; what real images have there (the rim of a part) they have too.
What comes again every 8 pixels is taken off: that is the grid of a JPEG encoding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from flawforge.core.arrays import Floats, Floats32, Ints
from flawforge.metrics.vectors import as_groups

QUIET = 0.25  # gray levels (of 255) added to a step, so that even images have none
LEAST = 0.15  # log of the excess over real images from which a seam is one: 16 %
BLOCK = 8  # pixels of a block of a JPEG encoding
FEWEST = 5  # images of each side


class Seam(NamedTuple):
    """The most conspicuous line.

    Attributes:
        axis: ``row``: it runs across, ``column``: it runs down.
        at: pixels before it, from the top or the left.
        excess: how many times larger the step is there, beside that of real images.
        p: chance of one so conspicuous without a seam, corrected for all lines that were looked at.
    """

    axis: Literal["row", "column"]
    at: int
    excess: float
    p: float


def seam_profile(image: Floats32, height: int, width: int) -> Floats:
    """Return (height - 3 + width - 3,): the log of each step over the larger of its neighbours, across and down.

    Args:
        image: (H, W) gray, 0..255.
        height: rows that are looked at, from the top; at most H.
        width: columns likewise.
    """
    values = np.asarray(image[:height, :width], dtype=np.float64)
    found = []
    for turned in (values, values.T):
        step = np.log(np.abs(np.diff(turned, axis=0)).mean(axis=1) + QUIET)
        more = step[1:-1] - np.maximum(step[:-2], step[2:])
        for first in range(BLOCK):
            more[first::BLOCK] -= np.median(more[first::BLOCK])
        found.append(more)
    return np.concatenate(found)


def find_seam(
    real: Sequence[Floats],
    groups: ArrayLike,
    generated: Sequence[Floats],
    height: int,
    other_groups: ArrayLike | None = None,
) -> Seam | None:
    """Return the line at which generated images step most beyond real ones; None with fewer than 5 groups of either.

    Welch's (1947) t at each line, with the images of one group averaged, and Bonferroni's correction for their number.

    Args:
        real: (L,) profiles of real images, from `seam_profile`.
        groups: of each, their group number.
        generated: (L,) profiles of generated images.
        height: that of `seam_profile`.
        other_groups: of the generated ones; None: each is its own.
    """
    own = _averaged(real, as_groups(groups, len(real), "groups"))
    theirs = np.arange(len(generated)) if other_groups is None else other_groups
    made = _averaged(generated, as_groups(theirs, len(generated), "other groups"))
    if min(len(own), len(made)) < FEWEST:
        return None
    excess = made.mean(axis=0) - own.mean(axis=0)
    first, second = (side.var(axis=0, ddof=1) / len(side) for side in (made, own))
    spread = np.maximum(first + second, 1e-300)
    freedom = spread**2 / np.maximum(first**2 / (len(made) - 1) + second**2 / (len(own) - 1), 1e-300)
    p = np.where(excess >= LEAST, special.stdtr(freedom, -excess / np.sqrt(spread)), 1.0)
    at = int(np.lexsort((-excess, p))[0])
    rows = height - 3
    axis: Literal["row", "column"] = "row" if at < rows else "column"
    return Seam(axis, (at if at < rows else at - rows) + 2, float(np.exp(excess[at])), float(min(1.0, p[at] * len(p))))


def _averaged(profiles: Sequence[Floats], member: Ints) -> Floats:
    stacked = np.stack(list(profiles))
    return np.stack([stacked[member == group].mean(axis=0) for group in np.unique(member)])
