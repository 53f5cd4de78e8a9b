"""Elastic bends: a smooth random displacement of all planes of a window alike.

Simard et al. 2003, "Best Practices for Convolutional Neural Networks Applied to Visual Document Analysis", section 2.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from flawforge.core.arrays import Floats32


def bent(planes: Sequence[Floats32], size: float, width: float, rng: np.random.Generator) -> list[Floats32]:
    """Return planes (h, w) or (h, w, C) after one displacement; beyond the window its last pixels are repeated.

    Args:
        planes: of equal height and width.
        size: standard deviation of the displacement in pixels.
        width: standard deviation of the Gaussian that smooths it, in pixels.
        rng: where it comes from.
    """
    shape = planes[0].shape[:2]
    fields = [ndimage.gaussian_filter(rng.standard_normal(shape), width, mode="reflect") for _ in range(2)]
    moves = [field * (size / max(float(np.sqrt(np.mean(field**2))), 1e-9)) for field in fields]
    at = [index + move for index, move in zip(np.indices(shape), moves, strict=True)]
    return [
        _sampled(plane, at)
        if plane.ndim == 2
        else np.stack([_sampled(plane[..., channel], at) for channel in range(plane.shape[2])], axis=-1)
        for plane in planes
    ]


def _sampled(plane: Floats32, at: Sequence[np.ndarray]) -> Floats32:
    return np.asarray(ndimage.map_coordinates(plane, at, order=1, mode="nearest"), dtype=np.float32)
