"""Calibration: how often does an image that is no copy score this high?

The reference is the score of real images against real images of other groups: what the data hold without any copying.
Two answers are given, since they promise different things. The rank promises without assumptions, and can never promise
less than one in the number of groups. The tail goes further, by assuming a shape.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from flawforge.core.arrays import Floats
from flawforge.metrics.vectors import as_groups

LEAST_GROUPS = 8  # below, a scale says nothing
TAIL = 0.2  # share of the groups whose scores the tail is fitted to
TAIL_GROUPS = 10  # of the tail, at least; below, only the whole sample's spread is used
STEEPEST = 0.1  # of the tail's shape: heavier tails cannot be distinguished from a few outliers at these sizes
KNOWN = 10  # groups that the spread known from other data counts for
SURE = 1.645  # standard errors added to the tail's scale


@dataclass(frozen=True)
class NullScale:
    """The null distribution of a score.

    Attributes:
        scores: (N,) ascending scores of images that are no copies.
        weights: (N,) of each, adding up to 1: every group counts the same, however many images it has.
        groups: G, the number of independent groups.
        spread: standard deviation that such scores have in other data: it counts as much as 10 groups, so that few
            groups that happen to be alike do not promise too much. 0: nothing is known.
    """

    scores: Floats
    weights: Floats
    groups: int
    spread: float = 0.0

    @classmethod
    def of(cls, scores: ArrayLike, groups: ArrayLike | None = None, spread: float = 0.0) -> NullScale:
        """Make a scale from (N,) scores and their (N,) group numbers; `spread` as the attribute.

        Raises:
            ValueError: no scores, or one that is not finite.
        """
        values = np.asarray(scores, dtype=np.float64)
        if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
            raise ValueError("scores are one finite number per image, from 1 image")
        member = as_groups(groups, len(values), "groups")
        sizes = np.bincount(member)
        order = np.argsort(values, kind="stable")
        return cls(values[order], (1 / (sizes[member] * len(sizes)))[order], len(sizes), spread)

    def rank(self, scores: ArrayLike) -> Floats:
        """Return the conformal p-values: ``(1 + groups that score as high) / (G + 1)``.

        Vovk, Gammerman & Shafer 2005, "Algorithmic Learning in a Random World". For an image of a new group,
        exchangeable with the scale's groups, ``P(p <= a) <= a`` (a group of several images counts by the share of them
        that score as high: equal to drawing one). No assumption on the shape. Never below ``1 / (G + 1)``.
        """
        above = np.r_[np.cumsum(self.weights[::-1])[::-1], 0.0]
        share = above[np.searchsorted(self.scores, np.asarray(scores, dtype=np.float64), side="left")]
        return np.asarray((1 + self.groups * share) / (self.groups + 1), dtype=np.float64)

    def tail(self, scores: ArrayLike) -> Floats:
        """Return p-values that go on below 1 / (G + 1), the larger of two estimates.

        Within the scale they are the conformal ones. Beyond it: a generalised Pareto tail over the top fifth (Pickands
        1975; shape by probability-weighted moments, Hosking & Wallis 1987, held to 0..0.1, scale raised by 1.645
        standard errors), and Student's t for one more observation, ``t = (s - mean) / (sd · sqrt(1 + 1/G))``, which
        alone is used below 50 groups. Both assume that the tail goes on as it began: a kind of image that the scale
        never saw (another material) is not covered by any number here.
        """
        values = np.asarray(scores, dtype=np.float64)
        found = self._student(values)
        if self.groups * TAIL >= TAIL_GROUPS:
            found = np.maximum(found, self._pareto(values))
        return np.minimum(self.rank(values), found)

    def threshold(self, rate: float) -> float:
        """Return the lowest score whose `tail` p-value is `rate` or less, to 1e-6; infinite when there is none."""
        low, high = float(self.scores[0]) - 1, float(self.scores[-1]) + 20
        if self.tail([high])[0] > rate:
            return float("inf")
        while high - low > 1e-6:
            middle = (low + high) / 2
            low, high = (low, middle) if self.tail([middle])[0] <= rate else (middle, high)
        return high

    def _student(self, values: Floats) -> Floats:
        if self.groups < 3:
            return np.ones_like(values)
        mean = float(self.weights @ self.scores)
        variance = float(self.weights @ np.square(self.scores - mean)) * self.groups / (self.groups - 1)
        if self.spread:
            variance = (self.groups * variance + KNOWN * self.spread**2) / (self.groups + KNOWN)
        spread = np.sqrt((variance + 1e-8) * (1 + 1 / self.groups))
        return np.asarray(special.stdtr(self.groups - 1, (mean - values) / spread), dtype=np.float64)

    def _pareto(self, values: Floats) -> Floats:
        above = np.cumsum(self.weights[::-1])[::-1]
        first = int(np.searchsorted(-above, -TAIL))
        start, excess = self.scores[first], self.scores[first:] - self.scores[first]
        weights = self.weights[first:] / self.weights[first:].sum()
        number = max(2.0, self.groups * float(self.weights[first:].sum()))
        shape, scale = _moments(excess, weights)
        scale *= 1 + SURE / np.sqrt(number)
        beyond = np.maximum(values - start, 0) / max(scale, 1e-9)
        survival = np.exp(-beyond) if shape < 1e-6 else (1 + shape * beyond) ** (-1 / shape)
        return np.asarray(float(above[first]) * survival, dtype=np.float64)


def _moments(excess: Floats, weights: Floats) -> tuple[float, float]:
    """Return the shape (heavier tails above 0) and scale of a generalised Pareto distribution, ascending excesses."""
    rank = np.cumsum(weights) - weights / 2
    first, second = float(weights @ excess), float(weights @ (excess * (1 - rank)))
    if first <= 0 or first <= 2 * second:
        return 0.0, first
    shape = float(np.clip(2 - first / (first - 2 * second), 0, STEEPEST))
    return shape, first * (1 - shape)
