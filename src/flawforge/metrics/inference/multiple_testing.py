"""Several comparisons: the more are made, the more look good by chance."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from flawforge.core.arrays import Floats


def holm(p: ArrayLike) -> Floats:
    """Return (N,) p-values corrected so that the chance of any false one at or below a rate is at most that rate.

    Holm 1979, "A simple sequentially rejective multiple test procedure": the k-th smallest of N times ``N - k + 1``,
    never below the one before it, at most 1. Holds however the comparisons depend on each other.
    """
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    corrected = np.empty(len(values))
    corrected[order] = np.minimum(np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)), 1.0)
    return corrected


def rejected(p: Sequence[float], level: Callable[[int], float]) -> list[bool]:
    """Return which hypotheses Holm's procedure rejects where a share 1/m of the error allows the level ``level(m)``.

    For early stopping, where the level is not proportional to the share of the error: the group-sequential form of
    Maurer & Bretz 2013 ("Multiple testing in group sequential trials using graphical approaches"). With
    ``lambda m: 0.05 / m`` for `level` it is Holm's procedure.

    Args:
        p: one for each hypothesis.
        level: of one hypothesis when m are left; 0 rejects nothing.
    """
    out = [False] * len(p)
    for left, index in zip(range(len(p), 0, -1), np.argsort(p, kind="stable"), strict=True):
        if p[index] > level(left) or level(left) == 0:
            break
        out[int(index)] = True
    return out
