"""Intervals by resampling groups: how far a number could be off because other specimens might have been photographed.

Images of one group show the same specimen and are not independent, so groups are what is drawn: with replacement, as
many as there are, each with all its images (the cluster bootstrap: Davison & Hinkley 1997, "Bootstrap Methods and Their
Application", section 3.8; Field & Welsh 2007).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from flawforge.core.arrays import Floats
from flawforge.core.seeds import numpy_stream
from flawforge.metrics.vectors import as_groups

RESAMPLES = 2000
LEVEL = 0.95


class Interval(NamedTuple):
    """Where the true value lies with a confidence of 95%.

    Attributes:
        low: its lower end.
        high: its upper end.
        groups: independent groups it rests on (of two sets, the smaller number). Below 5 it means little.
    """

    low: float
    high: float
    groups: int


def group_weights(
    groups: ArrayLike | None, count: int, seed: int, *position: int | str, resamples: int = RESAMPLES
) -> Floats:
    """Return (resamples, count) float64: how often each row is in each resample, the same for all rows of a group.

    Args:
        groups: (count,) group numbers; None: each row is its own.
        count: rows.
        seed: of the stream ``bootstrap``.
        position: where in the stream: two sets of one comparison take two positions.
        resamples: draws.

    A resample that would hold fewer than two groups is drawn again.

    Raises:
        ValueError: fewer than 2 groups.
    """
    members = as_groups(groups, count, "groups", 2)
    number = int(members.max()) + 1
    rng = numpy_stream(seed, "bootstrap", *position)
    even = np.full(number, 1 / number)
    counts = rng.multinomial(number, even, size=resamples)
    while (lonely := np.flatnonzero((counts > 0).sum(axis=1) < 2)).size:
        counts[lonely] = rng.multinomial(number, even, size=lonely.size)
    return counts[:, members].astype(np.float64)


def percentile_interval(resampled: Floats, groups: int) -> Interval:
    """Return the expanded percentile interval, at a confidence of 95%, of a statistic's resampled values.

    The plain percentiles are too narrow for few groups: a resample has the variance of G, not of G - 1, and normal in
    place of Student's tails. Hesterberg 2015 (1411.5279), section 5.2: take the percentiles at ``Phi(±t(0.95, G - 1)
    · sqrt(G / (G - 1)))``. Assumes a statistic that is smooth in the weights and nearly symmetric.

    Args:
        resampled: (resamples,) values.
        groups: G, the number of independent groups (of two sets, the smaller).
    """
    reach = stats.t.ppf((1 + LEVEL) / 2, groups - 1) * np.sqrt(groups / (groups - 1))
    low, high = np.quantile(resampled, [stats.norm.cdf(-reach), stats.norm.cdf(reach)])
    return Interval(float(low), float(high), groups)
