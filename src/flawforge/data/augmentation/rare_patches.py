"""Rare classes on the ground of plentiful ones: CutMix in which the patch is drawn by inverse class frequency.

Park et al. 2022, "The Majority Can Help the Minority: Context-rich Minority Oversampling" (2112.00412).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flawforge.core.arrays import Bytes, Floats32, Ints
from flawforge.core.seeds import numpy_stream


@dataclass(frozen=True)
class Patched:
    """New images.

    Attributes:
        images: (M, C, H, W) uint8.
        labels: (M, K) float32: each row has the classes of both images by the area that they cover.
        grounds: (M,) index of the image outside the rectangle.
        patches: (M,) index of the image inside it.
    """

    images: Bytes
    labels: Floats32
    grounds: Ints
    patches: Ints


def paste_rare(images: Bytes, labels: Ints, classes: int, count: int, seed: int) -> Patched:
    """Make `count` images, each a rectangle of one image on another.

    The ground is any image, so most often one of a plentiful class. The patch is drawn with weight 1 over the number of
    images of its class (as in the authors' program with its default weight), so that every class comes equally often.
    The rectangle has the image's proportions; its area is uniform from 0 to 1 (Beta(1, 1)), its position is random.
    Where all classes have equally many images this is CutMix.

    Args:
        images: (N, C, H, W) uint8.
        labels: (N,) class numbers, below `classes`.
        classes: width of the labels.
        count: images to make.
        seed: of the stream ``augmentation``; image number i does not depend on `count`.
    """
    weights = 1 / np.bincount(labels, minlength=classes)[labels]
    weights /= weights.sum()
    height, width = images.shape[2:]
    out = np.empty((count, *images.shape[1:]), dtype=np.uint8)
    mixed = np.zeros((count, classes), dtype=np.float32)
    grounds, patches = np.empty(count, np.int64), np.empty(count, np.int64)
    for number in range(count):
        rng = numpy_stream(seed, "augmentation", "rare patches", number)
        ground, patch = rng.integers(len(labels)), rng.choice(len(labels), p=weights)
        side = np.sqrt(rng.random())
        tall, wide = round(side * height), round(side * width)
        top, left = rng.integers(height - tall + 1), rng.integers(width - wide + 1)
        inside = np.s_[:, top : top + tall, left : left + wide]
        out[number] = images[ground]
        out[number][inside] = images[patch][inside]
        area = tall * wide / (height * width)
        mixed[number, labels[ground]] += 1 - area
        mixed[number, labels[patch]] += area
        grounds[number], patches[number] = ground, patch
    return Patched(out, mixed, grounds, patches)
