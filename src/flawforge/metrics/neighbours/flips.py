"""The flips of an image, and coordinates in which all of them cost one product.

The four flips (identity, left-right, up-down, both: a half turn) are a commutative group in which each element undoes
itself. Split an image into its even and odd part along each flipped axis; a flip then only negates some parts:

    <q, flip r> = <q_even, r_even> - <q_odd, r_odd>

so the products of a pair under every flip are sums and differences of the products of its parts, and those
together are as long as the image: four flips for the price of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

Flip = Literal["identity", "flip-horizontal", "flip-vertical", "turn-180"]
AXES: dict[str, tuple[int, ...]] = {
    "identity": (),
    "flip-horizontal": (-1,),
    "flip-vertical": (-2,),
    "turn-180": (-2, -1),
}  # of (..., H, W)


def apply_flip(images: Tensor, flip: str) -> Tensor:
    """Return (..., H, W) images flipped: ``flip-horizontal`` swaps left and right, ``flip-vertical`` up and down."""
    return images.flip(AXES[flip]) if AXES[flip] else images


def flipped_axes(flips: Sequence[str]) -> tuple[int, ...]:
    """Return the axes, of (..., H, W), along which at least one of the flips mirrors."""
    return tuple(sorted({axis for flip in flips for axis in AXES[flip]}))


def signs(flips: Sequence[str]) -> Tensor:
    """Return (flips, parts) of +1 and -1: what each flip does to each part that `fold` makes."""
    table = torch.ones(len(flips), 1)
    for axis in flipped_axes(flips):
        turned = torch.tensor([-1.0 if axis in AXES[flip] else 1.0 for flip in flips])
        table = torch.cat([table, table * turned[:, None]], dim=1)
    return table


def fold(images: Tensor, flips: Sequence[str]) -> list[Tensor]:
    """Split float images into parts that the flips at most negate.

    Args:
        images: (N, ..., H, W) when there is anything to flip, else (N, ...).
        flips: names from `AXES`.

    Returns:
        One (N, d) tensor per column of `signs`; an image's squared norms over the parts add up to its own.
    """
    parts = [images]
    for axis in flipped_axes(flips):
        parts = [_even(part, axis) for part in parts] + [_odd(part, axis) for part in parts]
    return [part.flatten(1) for part in parts]


def _even(images: Tensor, axis: int) -> Tensor:
    half = images.shape[axis] // 2
    first, last = images.narrow(axis, 0, half), images.flip(axis).narrow(axis, 0, half)
    middle = images.narrow(axis, half, images.shape[axis] - 2 * half)  # one row or column when the side is odd
    return torch.cat([(first + last) * 0.5**0.5, middle], dim=axis)


def _odd(images: Tensor, axis: int) -> Tensor:
    half = images.shape[axis] // 2
    first, last = images.narrow(axis, 0, half), images.flip(axis).narrow(axis, 0, half)
    return torch.mul(first - last, 0.5**0.5)
