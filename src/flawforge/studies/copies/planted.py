"""Altered copies: what can be done to a copy of an image so that it looks new. The audit plants some to test itself."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.ndimage as nd
from numpy.typing import NDArray
from PIL import Image

from flawforge.core.arrays import Bytes

Gray = NDArray[np.floating[Any]]  # (H, W), 0..255
Draws = np.random.Generator


def exact(image: Gray, other: Gray, draws: Draws) -> Gray:
    """Return it as it is."""
    return image


def flipped(image: Gray, other: Gray, draws: Draws) -> Gray:
    """Mirror it left-right or up-down."""
    return image[:, ::-1] if draws.random() < 0.5 else image[::-1]


def rotated(image: Gray, other: Gray, draws: Draws) -> Gray:
    """Turn it by a quarter, a half or three quarters (an image that is not square: by a half)."""
    square = image.shape[0] == image.shape[1]
    return np.rot90(image, int(draws.integers(1, 4)) if square else 2)


def shifted(image: Gray, other: Gray, draws: Draws) -> Gray:
    """Shift it by 10 % of its sides, to any of eight directions; the edge is filled with its mirror image."""
    dy, dx = ((-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1))[draws.integers(8)]
    reach = round(0.1 * image.shape[0]), round(0.1 * image.shape[1])
    wide = np.pad(image, [(side, side) for side in reach], mode="reflect")
    top, left = reach[0] * (1 + dy), reach[1] * (1 + dx)
    return wide[top : top + image.shape[0], left : left + image.shape[1]]


def cropped(image: Gray, other: Gray, draws: Draws) -> Gray:
    """Take 80 % of its sides, from anywhere, enlarged to the old size."""
    height, width = (round(0.8 * side) for side in image.shape)
    top = int(draws.integers(image.shape[0] - height + 1))
    left = int(draws.integers(image.shape[1] - width + 1))
    part = Image.fromarray(np.ascontiguousarray(image[top : top + height, left : left + width]))
    return np.asarray(part.resize((image.shape[1], image.shape[0]), Image.Resampling.BICUBIC))


def brightened(image: Gray, other: Gray, draws: Draws) -> Gray:
    """Make it brighter or darker by 20 %; what exceeds white is cut off."""
    return image * (1.2 if draws.random() < 0.5 else 0.8)


def noisy(image: Gray, other: Gray, draws: Draws) -> Gray:
    """Add noise of 10 gray levels of 255."""
    return image + 10 * draws.standard_normal(image.shape)


def compressed(image: Gray, other: Gray, draws: Draws) -> Gray:
    """Save it as JPEG of quality 50."""
    buffer = io.BytesIO()
    Image.fromarray(whole(image)).save(buffer, "JPEG", quality=50)
    return np.asarray(Image.open(buffer), dtype=np.float32)


def blended(image: Gray, other: Gray, draws: Draws) -> Gray:
    """Mix it half and half with another image."""
    return (image + other) / 2


def warped(image: Gray, other: Gray, draws: Draws) -> Gray:
    """Bend it smoothly, by 2.5 % of its sides at most (3 pixels of 128)."""
    points = np.mgrid[: image.shape[0], : image.shape[1]].astype(np.float64)
    for axis in (0, 1):
        field = nd.gaussian_filter(draws.standard_normal(image.shape), [0.1 * side for side in image.shape])
        points[axis] += field / np.abs(field).max() * 0.025 * image.shape[axis]
    return np.asarray(nd.map_coordinates(image, points, order=1, mode="reflect"), dtype=np.float32)


Alteration = Callable[[Gray, Gray, Draws], Gray]
ALTERATIONS: dict[str, Alteration] = {
    function.__name__: function
    for function in (exact, flipped, rotated, shifted, cropped, brightened, noisy, compressed, blended, warped)
}
HEAVY = ("blended", "warped")  # the other eight are those that the audit must find


def altered_copy(image: NDArray[np.generic], kind: str, other: NDArray[np.generic], draws: Draws) -> Bytes:
    """Return (H, W) uint8: a gray image under one of `ALTERATIONS`.

    Args:
        image: (H, W) gray, 0..255.
        kind: a name from `ALTERATIONS`.
        other: (H, W), what ``blended`` mixes in.
        draws: where random numbers come from.
    """
    return whole(ALTERATIONS[kind](np.asarray(image, dtype=np.float32), np.asarray(other, dtype=np.float32), draws))


RIM = 6  # pixels over which a planted patch is blended into its surroundings


def patch_copy(source: NDArray[np.generic], host: NDArray[np.generic], symmetry: int, draws: Draws) -> Bytes:
    """Return (H, W) uint8: an image into which a patch of another one, with half its sides, was laid.

    From anywhere to anywhere, with the brightness of what it covers, blended over a rim of 6 pixels.

    Args:
        source: (H, W) gray, 0..255, of any size.
        host: likewise; the patch is no larger than `source`.
        symmetry: 1 mirrors the patch left-right, 2 up-down, 3 both.
        draws: where random numbers come from.
    """
    out = np.asarray(host, dtype=np.float32).copy()
    size = [min(theirs // 2, own) for theirs, own in zip(host.shape, source.shape, strict=True)]

    def place(shape: tuple[int, ...]) -> tuple[slice, slice]:
        top, left = (int(draws.integers(side - part + 1)) for side, part in zip(shape, size, strict=True))
        return slice(top, top + size[0]), slice(left, left + size[1])

    patch = np.asarray(source, dtype=np.float32)[place(source.shape)]
    patch = patch[:: -1 if symmetry & 2 else 1, :: -1 if symmetry & 1 else 1]
    there = place(host.shape)
    inside = [np.minimum(np.arange(side) + 1, side - np.arange(side)) for side in size]
    share = np.clip(np.minimum.outer(*inside) / RIM, 0, 1)
    out[there] += share * (patch - patch.mean() + out[there].mean() - out[there])
    return whole(out)


def whole(image: Gray) -> Bytes:
    """Round gray levels to whole ones, 0..255."""
    out: Bytes = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    return out
