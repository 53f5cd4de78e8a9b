"""Copy and paste: defects cut out of real images and blended into others, the strongest augmentation without learning.

Dwibedi et al. 2017, "Cut, Paste and Learn" (1708.01642); blended as in Pérez et al. 2003, "Poisson Image Editing":
the pasted defect keeps its own gradients and meets its new ground without a seam.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from flawforge.core.arrays import Bools, Bytes, Ints
from flawforge.core.errors import DataUnusableError
from flawforge.core.seeds import numpy_stream
from flawforge.data.augmentation.pasting import start_within
from flawforge.data.augmentation.poisson import harmonic_offset

MARGIN = 1  # pixels around the mask that are pasted too
LARGEST_SHARE = 0.9  # of the image: a defect that fills it has no ground to be put on


@dataclass(frozen=True)
class Pasted:
    """New images.

    Attributes:
        images: (M, C, H, W) uint8.
        labels: (M,) classes of the pasted defects.
        sources: (M,) index of the image that each defect was cut from.
        grounds: (M,) index of the image that it was put on.
        masks: (M, H, W) True on the pasted defect, and on what was marked in its ground before.
    """

    images: Bytes
    labels: Ints
    sources: Ints
    grounds: Ints
    masks: Bools


def copy_paste(images: Bytes, labels: Ints, masks: Bools, count: int, seed: int, *, clean: int | None = None) -> Pasted:
    """Make `count` images, each a defect of one image on the ground of another.

    The ground is an image of the defect's own class, whose own defect stays, or one of the class `clean`; so the label
    of the result is certain. The defect is mirrored at random and put anywhere that its bounding box fits; one that
    touches an edge of its image, as a broken corner does, stays at that edge or the opposite one. Classes come in turn.

    Args:
        images: (N, C, H, W) uint8.
        labels: (N,) classes.
        masks: (N, H, W) True on the defect; an image whose mask is empty, or covers more than nine tenths, gives none.
        count: images to make.
        seed: of the stream ``augmentation``; image number i does not depend on `count`.
        clean: the class without defects, where there is one.

    Raises:
        DataUnusableError: no image has a mask to cut by.
    """
    covered = masks.mean((1, 2))
    usable = (covered > 0) & (covered <= LARGEST_SHARE) & (labels != (-1 if clean is None else clean))
    classes = np.unique(labels[usable])
    if len(classes) == 0:
        raise DataUnusableError(
            "no image has a defect that can be cut out: copy and paste needs masks or boxes that mark something, and "
            f"not more than {LARGEST_SHARE:.0%} of the image."
        )
    pasted = np.empty((count, *images.shape[1:]), dtype=np.uint8)
    marked = np.empty((count, *masks.shape[1:]), dtype=bool)
    sources, grounds = np.empty(count, np.int64), np.empty(count, np.int64)
    for number in range(count):
        rng = numpy_stream(seed, "augmentation", "copy-paste", number)
        label = classes[number % len(classes)]
        sources[number] = rng.choice(np.flatnonzero(usable & (labels == label)))
        allowed = (labels == label) if clean is None else (labels == label) | (labels == clean)
        others = np.flatnonzero(allowed & (np.arange(len(labels)) != sources[number]))
        grounds[number] = rng.choice(others) if len(others) else sources[number]
        defect, mask = _mirrored(images[sources[number]], masks[sources[number]], rng)
        move = _move(mask, rng)
        pasted[number] = paste(defect, mask, images[grounds[number]], move)
        marked[number] = _moved(mask, move) | masks[grounds[number]]
    return Pasted(pasted, labels[sources], sources, grounds, marked)


def paste(defect: Bytes, mask: Bools, ground: Bytes, move: tuple[int, int] = (0, 0)) -> Bytes:
    """Blend what `mask` marks of `defect` into `ground`, `move` pixels down and right of where it was.

    Inside, the result is the defect plus an offset that satisfies Laplace's equation and, along the border, equals
    ground minus defect (Pérez et al. 2003, eq. 2 with the source's gradient as guidance). Where the border lies outside
    either image the offset is free (no slope).

    Args:
        defect: (C, H, W) uint8.
        mask: (H, W) bool.
        ground: (C, H, W) uint8.
        move: rows and columns.

    Returns:
        (C, H, W) uint8, equal to `ground` outside the moved mask and its margin of one pixel.
    """
    known = _moved(np.ones_like(mask), move)  # where the moved image has pixels
    inside = ndimage.binary_dilation(_moved(mask, move), iterations=MARGIN) & known
    if not inside.any():
        return ground.copy()
    difference = ground.astype(np.float64) - np.stack([_moved(c.astype(np.float64), move) for c in defect])
    offset = harmonic_offset(inside, known, difference)
    out = ground.copy()
    values = ground[:, inside] - difference[:, inside] + offset.T
    out[:, inside] = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return out


def _mirrored(image: Bytes, mask: Bools, rng: np.random.Generator) -> tuple[Bytes, Bools]:
    up, left = (slice(None, None, -1 if coin else 1) for coin in rng.random(2) < 0.5)
    return image[:, up, left], mask[up, left]


def _move(mask: Bools, rng: np.random.Generator) -> tuple[int, int]:
    """Draw a move that keeps the mask's bounding box inside the image; what touches an edge goes along it only."""
    steps = []
    for axis in (1, 0):
        there, side = np.flatnonzero(mask.any(axis)), mask.shape[1 - axis]
        length = int(there[-1] - there[0]) + 1
        steps.append(start_within(length, side, there[0] == 0, there[-1] == side - 1, rng) - int(there[0]))
    return steps[0], steps[1]


def _moved(plane: NDArray[Any], move: tuple[int, int]) -> NDArray[Any]:
    """Return (H, W) moved down and right; 0 or False comes in."""
    out = np.zeros_like(plane)
    (down, right), (height, width) = move, plane.shape
    out[max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)] = plane[
        max(-down, 0) : height + min(-down, 0), max(-right, 0) : width + min(-right, 0)
    ]
    return out
