"""The number that the best weights are chosen by: a distance to real images over the share of them that is covered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from flawforge.core.arrays import Floats, Ints
from flawforge.metrics.fidelity.kid import kid
from flawforge.metrics.fidelity.precision_recall import density_coverage

CRITERION = 2  # raise it when `distance` means something else: a run keeps the one that it began with
NEAR = 0.75  # share of generated images near a training one that is still no sign of copying
SMALLEST = 1e-3  # of the largest deviation: a smaller one counts as that much
NEIGHBOURS = 3  # that a real image's ball reaches to; fewer images than 4 of different groups judge nothing
LEAST_COVERED = 0.1  # a smaller share covered counts as that much: the untrained generator covers none


@dataclass(frozen=True)
class Reference:
    """Real images in the features of the score.

    Attributes:
        features: (N, D).
        groups: (N,) group numbers.
        held_out: whether training has not seen them.
    """

    features: Floats
    groups: Ints
    held_out: bool


def distance(reference: Reference, generated: Floats, criterion: int = CRITERION) -> float:
    """Return how far generated features (N, D) are from real ones: lower is better, 0 is equality.

    The kernel distance hardly sees how much of the real variety is there (a generator that shows a sixth of it and one
    that shows two thirds had the same), so it is divided by the share of real images that are covered: those with a
    generated image as near as their third neighbour of another group.

    Against held-out images the distance is `flawforge.metrics.fidelity.kid.kid`, as in the score. Against the training
    images themselves it is the same of features that are standardised by the training images' mean and standard
    deviation, so that no few of the 112 numbers decide, plus the `crowding` around single training images. How well
    that agrees with images that training never saw: `benchmarks/best_checkpoint.py`.

    Criterion 1, of runs begun by version 0.1.0, does not divide.

    Raises:
        ValueError: as `kid`, or there are fewer than 4 groups.
    """
    real, groups = reference.features, reference.groups
    if not reference.held_out:
        mean, spread = real.mean(axis=0), real.std(axis=0)
        real, generated = ((rows - mean) / np.maximum(spread, spread.max() * SMALLEST) for rows in (real, generated))
    away = kid(real, generated, groups) + (0.0 if reference.held_out else crowding(real, generated, groups))
    if criterion == 1:
        return away
    covered = max(LEAST_COVERED, density_coverage(real, generated, groups, k=NEIGHBOURS).coverage)
    return away / covered if away > 0 else away * covered


def crowding(real: Floats, generated: Floats, groups: Ints) -> float:
    """Return how far beyond three quarters the share of generated features is that lie nearer to a training image than
    half of the training images lie to another group's: 0 (three quarters or less) to 1 (all). Without copying about
    half of them do.
    """
    apart = cdist(real, real)
    apart[groups[:, None] == groups[None]] = np.inf
    usual = float(np.median(apart.min(axis=1)))
    near = float((cdist(generated, real).min(axis=1) < usual).mean())
    return max(0.0, near - NEAR) / (1 - NEAR)
