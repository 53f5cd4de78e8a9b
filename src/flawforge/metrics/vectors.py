"""Feature vectors as the metrics take them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from flawforge.core.arrays import Floats, Ints

Vectors = ArrayLike | Tensor  # (N, D) real numbers, a row per image
ROWS = 1024  # of a block: what is held beside the vectors is a few matrices of ROWS x N float64


def as_vectors(values: Vectors, name: str, least: int) -> Floats:
    """Return (N, D) float64.

    Raises:
        ValueError: another shape, fewer rows than `least`, or a value that is not finite.
    """
    found = values.detach().cpu().double().numpy() if isinstance(values, torch.Tensor) else values
    array = np.asarray(found, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] < 1:
        raise ValueError(f"{name} has shape {array.shape}; it is (N, D), a row of D features per image")
    if len(array) < least:
        raise ValueError(f"{name} has {len(array)} rows; this number needs at least {least}")
    if not np.isfinite(array).all():
        first = int(np.flatnonzero(~np.isfinite(array).all(axis=1))[0])
        raise ValueError(f"{name} holds a value that is not finite, first in row {first}")
    return array


def as_pair(real: Vectors, generated: Vectors, least: int) -> tuple[Floats, Floats]:
    """Return both sets as (M, D) and (N, D) float64.

    Raises:
        ValueError: as `as_vectors`, or the sets differ in D.
    """
    x, y = as_vectors(real, "real", least), as_vectors(generated, "generated", least)
    if x.shape[1] != y.shape[1]:
        raise ValueError(
            f"real has {x.shape[1]} features a row and generated {y.shape[1]}; both come from the same extractor"
        )
    return x, y


def as_groups(groups: ArrayLike | None, count: int, name: str, least: int = 1) -> Ints:
    """Return (N,) group numbers from 0 without gaps; None makes each row its own group.

    Raises:
        ValueError: not one number per row, or fewer groups than `least`.
    """
    if groups is None:
        found = np.arange(count)
    else:
        array = np.asarray(groups)
        if array.shape != (count,):
            raise ValueError(f"{name} has shape {array.shape}; it is one group number for each of the {count} rows")
        found = np.unique(array, return_inverse=True)[1].reshape(-1)
    if (there := len(np.unique(found))) < least:
        raise ValueError(f"{name} holds {there} groups; this number needs at least {least}")
    return found.astype(np.int64)


def as_grouped_pair(
    real: Vectors,
    generated: Vectors,
    real_groups: ArrayLike | None,
    generated_groups: ArrayLike | None,
    least: int,
    least_groups: int,
) -> tuple[Floats, Floats, Ints, Ints]:
    """Return both sets as `as_pair`, and the group numbers of both as `as_groups`."""
    x, y = as_pair(real, generated, least)
    groups = as_groups(real_groups, len(x), "real_groups", least_groups)
    return x, y, groups, as_groups(generated_groups, len(y), "generated_groups", least_groups)


def row_blocks(count: int) -> Iterator[slice]:
    """Give slices of `ROWS` rows that cover `count`."""
    return (slice(start, min(start + ROWS, count)) for start in range(0, count, ROWS))
