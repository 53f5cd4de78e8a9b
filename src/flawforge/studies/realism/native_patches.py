"""Kernel distance of patches at native scale: do images look real where nothing of them is made smaller?

A whole image is compared at the network's resolution, which hides blur. Here square patches are cut from the images as
they lie on the disk, at random positions, and described without any resizing. Patches of one group do not count as
pairs, so that the distance stays unbiased (`flawforge.metrics.fidelity.kid`), and groups, not patches, are cut into the
halves that tell its scale.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike

from flawforge.core.arrays import Floats, Ints
from flawforge.core.images import Pixels, stacked_planes, to_unit
from flawforge.core.seeds import numpy_stream
from flawforge.metrics.fidelity.kid import kid
from flawforge.models.extractors import Extractor

SIDE = 64  # pixels of a patch
PATCHES = 8  # of an image
HALVES = 40  # of the real images
BLOCK = 256  # patches described at a time


@dataclass(frozen=True)
class DescribedPatches:
    """Patches of N images.

    Attributes:
        features: (P, D), a row each.
        groups: (P,) group number of the image that each was cut from.
        side: pixels of a patch.
    """

    features: Floats
    groups: Ints
    side: int

    def take(self, groups: ArrayLike) -> DescribedPatches:
        """Return the patches of these groups."""
        kept = np.isin(self.groups, groups)
        return DescribedPatches(self.features[kept], self.groups[kept], self.side)


class PatchKid(NamedTuple):
    """How far patches are from real ones, and how far real ones are from each other.

    Attributes:
        value: the distance of the set.
        real: mean distance of two halves of the real images, about 0.
        low: lower end of the middle 95 % of those.
        high: upper end: a distance above it is a difference that real images do not have.
    """

    value: float
    real: float
    low: float
    high: float


def describe_patches(
    images: Iterable[Pixels],
    extractor: Extractor,
    groups: Sequence[int] | Ints | None = None,
    *,
    white: int = 255,
    side: int = SIDE,
    count: int = PATCHES,
    seed: int = 0,
) -> DescribedPatches:
    """Cut `count` patches from each image at random positions, and describe them at their own size.

    Args:
        images: (H, W) gray or (H, W, 3), 0 to `white`, of any sizes, all gray or all colour. They are read one by one.
        extractor: of the features.
        groups: (N,) group numbers; None: each image is its own.
        white: the white level.
        side: pixels of a patch; an image with a shorter side is enlarged by nobody: it raises.
        count: patches of an image. Positions follow from `seed` and the image's number alone.
        seed: of the stream ``bootstrap``.

    Raises:
        ValueError: an image smaller than a patch, or no image.
    """
    held: list[Pixels] = []
    parts: list[Floats] = []
    number = 0

    def described(patches: list[Pixels]) -> Floats:
        planes = stacked_planes(np.stack(patches))
        found: Floats = extractor(torch.from_numpy(to_unit(np.ascontiguousarray(planes), white))).astype(np.float64)
        return found

    for number, image in enumerate(images, 1):
        held += cut_patches(image, side, count, numpy_stream(seed, "bootstrap", "patches", number - 1))
        if len(held) >= BLOCK:
            parts.append(described(held))
            held = []
    if held:
        parts.append(described(held))
    if not parts:
        raise ValueError("there is no image to cut patches from")
    of = np.arange(number) if groups is None else np.asarray(groups)
    return DescribedPatches(np.concatenate(parts), np.repeat(of, count), side)


def cut_patches(image: Pixels, side: int, count: int, rng: np.random.Generator) -> list[Pixels]:
    """Return `count` squares of an image (H, W) or (H, W, 3), at random positions.

    Raises:
        ValueError: the image is smaller than that.
    """
    height, width = image.shape[:2]
    if min(height, width) < side:
        raise ValueError(f"an image of {height}x{width} pixels holds no patch of {side}x{side}")
    tops, lefts = rng.integers(height - side + 1, size=count), rng.integers(width - side + 1, size=count)
    return [image[top : top + side, left : left + side] for top, left in zip(tops, lefts, strict=True)]


def patch_kid(real: DescribedPatches, other: DescribedPatches, seed: int = 0) -> PatchKid:
    """Return the kernel distance of patches, beside that of halves of the real images.

    The halves are cut by groups, so they are smaller than the real set and their distances spread more than those of
    the whole: `high` errs towards "no difference shown".

    Args:
        real: of real images.
        other: of the images to judge, in patches of the same side.
        seed: of the halves.

    Raises:
        ValueError: sides that differ, or fewer than 4 groups of real images.
    """
    if real.side != other.side:
        raise ValueError(f"patches of {real.side} and of {other.side} pixels cannot be compared")
    numbers = np.unique(real.groups)
    if len(numbers) < 4:
        raise ValueError(f"patches of {len(numbers)} groups cannot be cut into two halves of two")
    apart = []
    for number in range(HALVES):
        order = numpy_stream(seed, "bootstrap", "patches", "halves", number).permutation(numbers)
        one, two = real.take(order[: len(order) // 2]), real.take(order[len(order) // 2 :])
        apart.append(kid(one.features, two.features, one.groups, two.groups))
    value = kid(real.features, other.features, real.groups, other.groups)
    low, high = np.quantile(apart, (0.025, 0.975))
    return PatchKid(value, float(np.mean(apart)), float(low), float(high))
