"""Keypoints: positions in an image that can be found again in another crop of the same picture.

Everything here is local, so that a crop's neighbourhood alone decides: the picture is band-passed and divided by its
own local contrast, keypoints are the extrema of a difference of Gaussians within a few pixels (Lowe 2004, at one
scale, since crops of one picture share it), and each is described by the patch around it. The patch is turned and
mirrored into a canonical pose by its first moments, so that turned and mirrored copies are found at the same price.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage as nd
from numpy.typing import NDArray

from flawforge.core.arrays import Bytes, Floats32

NEAR = 5  # pixels; a keypoint is the extremum within this distance along each axis
REACH = 8  # pixels that a keypoint keeps from the border, so that its patch lies inside
CONTRAST = 1.0  # gray levels (of 255) that count as flat: contrast below is noise and is not amplified
FAINT = 0.05  # responses below are no keypoints (flat material)
KEYPOINT_LIMIT = 400  # of one image; the strongest stay

_OFFSETS = np.arange(-7, 8, 2)
_LEVER = (np.arange(8) - 3.5).astype(np.float32)
PATCH = len(_OFFSETS) ** 2  # numbers in a patch


@dataclass(frozen=True)
class Keypoints:
    """The keypoints of one image.

    Attributes:
        y: (K,) rows, in pixels.
        x: (K,) columns.
        pose: (K,) how the patch was brought into its canonical pose: 1 mirrored left-right, + 2 mirrored up-down,
            then + 4 transposed.
        patches: (K, 64) canonical patches of mean 0 and length 1.
    """

    y: NDArray[np.int16]
    x: NDArray[np.int16]
    pose: Bytes
    patches: Floats32


def flatten(gray: Floats32) -> Floats32:
    """Return (H, W) with slow brightness and contrast changes removed: what is left is texture, about -3..3.

    Args:
        gray: (H, W), 0..255.
    """
    fine = nd.gaussian_filter(gray, 1.0, truncate=3.0)
    detail = fine - _smooth(fine, 11)
    contrast = np.sqrt(np.maximum(_smooth(detail * detail, 17), 0)) + CONTRAST
    return np.asarray(np.clip(detail / contrast, -4, 4), dtype=np.float32)


def _smooth(values: Floats32, size: int) -> Floats32:
    once = nd.uniform_filter(values, size)
    return np.asarray(nd.uniform_filter(once, size), dtype=np.float32)


def find_keypoints(flat: Floats32) -> Keypoints:
    """Return the keypoints of an image from `flatten`; none where it is flat or smaller than 17 x 17."""
    height, width = flat.shape
    if min(height, width) <= 2 * REACH:
        return _describe(flat, np.empty(0, np.intp), np.empty(0, np.intp))
    blobs = nd.gaussian_filter(flat, 1.0, truncate=3.0) - nd.gaussian_filter(flat, 2.5, truncate=3.0)
    strength = np.abs(blobs)
    found = (strength == nd.maximum_filter(strength, 2 * NEAR + 1)) & (strength > FAINT)
    y, x = np.nonzero(found[REACH : height - REACH, REACH : width - REACH])
    y, x = y + REACH, x + REACH
    if len(y) > KEYPOINT_LIMIT:
        keep = np.sort(np.argsort(-strength[y, x], kind="stable")[:KEYPOINT_LIMIT])
        y, x = y[keep], x[keep]
    return _describe(flat, y, x)


def _describe(flat: Floats32, y: NDArray[np.intp], x: NDArray[np.intp]) -> Keypoints:
    rows, columns = (y[:, None] + _OFFSETS)[:, :, None], (x[:, None] + _OFFSETS)[:, None, :]
    patches = flat[rows, columns]
    patches = patches - patches.mean((1, 2), keepdims=True)
    patches /= np.maximum(np.sqrt((patches * patches).sum((1, 2), keepdims=True)), 1e-6)
    across, down = patches.sum(1) @ _LEVER, patches.sum(2) @ _LEVER
    mirrored, upset, transposed = across < 0, down < 0, np.abs(down) > np.abs(across)
    patches[mirrored] = patches[mirrored][:, :, ::-1]
    patches[upset] = patches[upset][:, ::-1, :]
    patches[transposed] = patches[transposed].transpose(0, 2, 1)
    pose = (mirrored + 2 * upset + 4 * transposed).astype(np.uint8)
    return Keypoints(y.astype(np.int16), x.astype(np.int16), pose, patches.reshape(len(y), PATCH))
