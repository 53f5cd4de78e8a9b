"""Permutation: how often would chance alone set the seeds' differences so far apart?"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from flawforge.core.seeds import numpy_stream

EXACT = 12  # seeds up to which all sign patterns are tried
DRAWS = 20_000  # patterns beyond


class Permuted(NamedTuple):
    """A p-value and the least that so many seeds allow.

    Attributes:
        p: two-sided. least: with fewer than 6 seeds it is above 0.05, whatever the differences.
    """

    p: float
    least: float


def sign_flips(differences: ArrayLike, seed: int = 0) -> Permuted:
    """Return the two-sided p of paired differences under exchange of the two arms within each seed.

    Without an effect, swapping the arms of a seed changes nothing but the sign, so all 2^S patterns are equally
    likely (Fisher 1935, "The Design of Experiments", section 21). Exact up to 12 seeds; beyond, 20,000 random patterns
    with the given one counted (Phipson & Smyth 2010). It speaks of these test images; the interval speaks of others
    like them too.

    Args:
        differences: (S,) arm minus control.
        seed: of the stream ``bootstrap``, beyond 12 seeds.

    Raises:
        ValueError: no difference, or one that is not finite.
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ValueError(f"differences have shape {values.shape}; they are one finite number for each seed, from 1")
    count = len(values)
    least = 2.0 ** (1 - count)
    reached = abs(values.sum()) * (1 - 1e-12)
    if count <= EXACT:
        signs = np.array(list(itertools.product((1.0, -1.0), repeat=count - 1))).reshape(2 ** (count - 1), count - 1)
        sums = values[0] + signs @ values[1:]  # the other half are the same with all signs turned
        return Permuted(float((abs(sums) >= reached).mean()), least)
    signs = 2.0 * numpy_stream(seed, "bootstrap", "signs").integers(0, 2, (DRAWS, count)) - 1
    return Permuted(float((1 + (abs(signs @ values) >= reached).sum()) / (DRAWS + 1)), 1 / (DRAWS + 1))
