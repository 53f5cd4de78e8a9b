"""How many real images would have done as much as the generated ones? The control's learning curve, read backwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from scipy.optimize import isotonic_regression

from flawforge.core.arrays import Floats
from flawforge.metrics.inference.paired import hierarchical_draws
from flawforge.metrics.inference.resampling import Resampled

Beyond = Literal["", "more", "less"]


class Equivalent(NamedTuple):
    """More real images per class that would have done as much.

    Attributes:
        images: beyond those that were used; below 0: fewer would have done. None beyond the curve.
        low, high: 95% interval; None where that end lies beyond the curve.
        beyond: on which side of the curve `images` lies, ``more`` than its last number or ``less`` than its first.
    """

    images: float | None
    low: float | None
    high: float | None
    beyond: Beyond


def equivalent_images(
    shots: Sequence[int], control: Sequence[Resampled], treated: Resampled, at: int, seed: int = 0
) -> Equivalent:
    """Return how many more real images per class the control would need to do as well as `treated` did with `at`.

    The curve is made ascending (pool adjacent violators: Ayer et al. 1955) and read off in the logarithm of the number
    of images, between the numbers that were tried and never beyond. The interval is a bootstrap over repeats and test
    groups, drawn alike for the whole curve and the treated arm.

    Args:
        shots: (P,) images per class, ascending, 2 or more numbers.
        control: (P,) the control at each, all of the same repeats.
        treated: the arm with generated images, of the same repeats, at `at` shots.
        at: the number of real images per class that `treated` had.
        seed: of the stream ``bootstrap``.
    """
    logs = np.log(np.asarray(shots, dtype=np.float64))
    curve = np.array([float(arm.values.mean()) for arm in control])
    position = _read(logs, _ascending(curve), float(treated.values.mean()))
    curves = np.stack([hierarchical_draws(arm, seed) for arm in control], axis=1)
    heights = hierarchical_draws(treated, seed)
    positions = np.array([_read(logs, _ascending(c), h) for c, h in zip(curves, heights, strict=True)])
    low, high = np.quantile(positions, [0.025, 0.975], method="inverted_cdf")
    beyond: Beyond = "more" if position == np.inf else "less" if position == -np.inf else ""
    return Equivalent(_images(position, at), _images(float(low), at), _images(float(high), at), beyond)


def _images(position: float, at: int) -> float | None:
    return float(np.exp(position) - at) if np.isfinite(position) else None


def _read(logs: Floats, curve: Floats, height: float) -> float:
    """Return the least logarithm at which the ascending curve reaches the height; infinite beyond its ends."""
    if height < curve[0]:
        return -np.inf
    if height > curve[-1]:
        return np.inf
    right = int(np.searchsorted(curve, height, side="left"))
    if right == 0:
        return float(logs[0])
    rise = curve[right] - curve[right - 1]
    return float(logs[right - 1] + (logs[right] - logs[right - 1]) * (height - curve[right - 1]) / rise)


def _ascending(values: Floats) -> Floats:
    return np.asarray(isotonic_regression(values).x, dtype=np.float64)
