"""A statistic of every repeat on draws of the test groups: what intervals over repeats and groups are made of.

Groups are drawn with replacement, as many as there are, each with all its images (the cluster bootstrap: Davison &
Hinkley 1997, section 3.8), the same draws for every repeat and every arm, so that arms can be paired.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from flawforge.core.arrays import Bools, Floats, Ints
from flawforge.core.seeds import numpy_stream
from flawforge.metrics.inference.classification import (
    Statistic,
    weighted_accuracy,
    weighted_balanced_accuracy,
    weighted_class_mean,
    weighted_mean,
)
from flawforge.metrics.vectors import as_groups

RESAMPLES = 1000
ROWS = 250  # resamples at a time: what is held is a few matrices of ROWS x N float64
LINEAR: tuple[Statistic, ...] = (weighted_accuracy, weighted_balanced_accuracy, weighted_mean, weighted_class_mean)


@dataclass(frozen=True)
class Resampled:
    """A statistic for each repeat, on all test images and on resamples of their groups. Subtract two to pair them.

    Attributes:
        values: (S,) on all test images.
        draws: (B, S) on B draws of groups, the same draws for every repeat.
        groups: of the test images. freedom: groups less the classes they are spread over: degrees of freedom of the
            groups' part.
        step: by how much one test image can move the value of one repeat.
        wide: by how much the variance over draws is too small; None: groups over freedom.
    """

    values: Floats
    draws: Floats
    groups: int
    freedom: float
    step: float
    wide: float | None = None

    def __sub__(self, other: Resampled) -> Resampled:
        """Pair two arms, repeat by repeat and draw by draw."""
        if self.draws.shape != other.draws.shape:
            raise ValueError(f"draws have shapes {self.draws.shape} and {other.draws.shape}; pairs have equal ones")
        return replace(self, values=self.values - other.values, draws=self.draws - other.draws)


def resampled(
    outputs: ArrayLike,
    labels: ArrayLike,
    groups: ArrayLike | None,
    statistic: Statistic,
    seed: int = 0,
    *,
    resamples: int = RESAMPLES,
    rests_on: Sequence[Bools] = (),
) -> Resampled:
    """Return a statistic of every repeat on all test images and on draws of their groups.

    Arms that are to be paired take the same groups and `seed`: then they take the same draws.

    Args:
        outputs: (S, N, ...) of each repeat for each test image: (S, N, K) probabilities, or (S, N) outcomes with
            `classification.weighted_mean` or `weighted_class_mean`.
        labels: (N,) true classes.
        groups: (N,) group numbers; None: each image is its own.
        statistic: of ``classification.STATISTICS``, or any function like them.
        seed: of the stream ``bootstrap``.
        resamples: draws, 100 or more; 1,000 know the groups' standard error to 2%.
        rests_on: (N,) images of each class that the statistic is a mean over, where they may be of unlike numbers of
            groups: see `_few_groups`. Empty: all classes of `labels`, taken as alike.

    Raises:
        ValueError: shapes that do not fit, no repeat, or fewer than 2 groups more than there are classes.
    """
    values = np.asarray(outputs, dtype=np.float64)
    true = np.asarray(labels, dtype=np.int64)
    if values.ndim < 2 or not len(values) or values.shape[1] != len(true):
        raise ValueError(f"outputs have shape {values.shape}; they are (repeats, {len(true)} test images, ...)")
    if not np.isfinite(values).all():
        raise ValueError("outputs hold a value that is not finite")
    member = as_groups(groups, len(true), "groups")
    number, classes = int(member.max()) + 1, len(np.unique(true))
    if number < classes + 2:
        raise ValueError(
            f"the test images are of {number} groups and {classes} classes; an interval takes {classes + 2} groups"
        )
    counts = _group_counts(number, seed, resamples)
    if statistic in LINEAR:
        whole, draws = _linear(values, true, member, statistic, counts)
    else:
        whole = np.array([float(statistic(outputs, true, np.ones((1, len(true))))[0]) for outputs in values])
        draws = np.empty((resamples, len(values)))
        for rows in np.split(np.arange(resamples), range(ROWS, resamples, ROWS)):
            weights = counts[np.ix_(rows, member)]
            draws[rows] = np.stack([statistic(outputs, true, weights) for outputs in values], axis=1)
    if not np.isfinite(whole).all():
        raise ValueError("the statistic cannot be measured on these test images: a class has none")
    kept = draws[np.isfinite(draws).all(axis=1)]
    if rests_on:
        freedom, wide = _few_groups([len(np.unique(member[own])) for own in rests_on])
        least = min(int(own.sum()) for own in rests_on)
        return Resampled(whole, kept, number, freedom, 1 / (len(rests_on) * least), wide)
    step = 1 / (classes * int(np.unique(true, return_counts=True)[1].min()))
    return Resampled(whole, kept, number, number - classes, step)


def _few_groups(sizes: Sequence[int]) -> tuple[float, float]:
    """Return the degrees of freedom of a mean over classes of so many groups, and by how much draws vary too little.

    A class of n groups, each as variable as any, has a part 1/n in the variance, known to n - 1 degrees of freedom
    (Satterthwaite 1946), and draws of its groups have the part (n - 1) / n of that. With equal classes both are as they
    are for all groups together.

    Raises:
        ValueError: a class has fewer than two groups.
    """
    if min(sizes) < 2:
        raise ValueError(f"the test images of a class are of {min(sizes)} groups; an interval takes 2")
    n = np.asarray(sizes, dtype=np.float64)
    freedom = (1 / n).sum() ** 2 / (1 / (n**2 * (n - 1))).sum()
    return float(freedom), float((1 / n).sum() / ((n - 1) / n**2).sum())


def _linear(outputs: Floats, labels: Ints, member: Ints, statistic: Statistic, counts: Floats) -> tuple[Floats, Floats]:
    """Return values and draws of a mean (over the classes or not) of outcomes: sums within groups are drawn at once."""
    right = statistic in (weighted_accuracy, weighted_balanced_accuracy)
    outcomes = (outputs.argmax(axis=2) == labels).astype(np.float64) if right else outputs
    by_class = statistic in (weighted_balanced_accuracy, weighted_class_mean)
    stratum = np.unique(labels, return_inverse=True)[1] if by_class else np.zeros(len(labels), dtype=np.int64)
    repeats, groups, strata = len(outcomes), counts.shape[1], int(stratum.max()) + 1
    cell = member * strata + stratum
    sizes = np.bincount(cell, minlength=groups * strata).reshape(groups, strata).astype(np.float64)
    sums = np.stack([np.bincount(cell, row, groups * strata) for row in outcomes]).reshape(repeats, groups, strata)
    drawn = np.r_[np.ones((1, groups)), counts]  # first the test images as they are
    total = (drawn @ sizes)[:, None, :]
    above = (drawn @ sums.transpose(1, 0, 2).reshape(groups, -1)).reshape(len(drawn), repeats, strata)
    means = np.divide(above, total, out=np.zeros_like(above), where=total > 0)
    averages = means.sum(axis=2) / (total > 0).sum(axis=2)
    return averages[0], averages[1:]


@lru_cache(maxsize=2)
def _group_counts(number: int, seed: int, resamples: int) -> Floats:
    """Return (B, G) how often each group is drawn; all arms of a trial share it."""
    even = np.full(number, 1 / number)
    counts = numpy_stream(seed, "bootstrap", "groups").multinomial(number, even, size=resamples).astype(np.float64)
    counts.flags.writeable = False
    return counts
