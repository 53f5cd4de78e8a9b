"""The number that the best weights are chosen by: on held-out images the kernel distance, else a proxy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from flawforge.core.arrays import Floats, Ints
from flawforge.metrics.fidelity.kid import kid

NEAR = 0.75  # share of generated images near a training one that is still no sign of copying
SMALLEST = 1e-3  # of the largest deviation: a smaller one counts as that much


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


def distance(reference: Reference, generated: Floats) -> float:
    """Return how far generated features (N, D) are from real ones: lower is better, 0 is equality.

    Against held-out images: `flawforge.metrics.fidelity.kid.kid`, the number that the score gives. Against the
    training images
    themselves: the same of features that are standardised by the training images' mean and standard deviation, plus
    the `crowding` around single training images. Standardised, no few of the 112 numbers decide; over checkpoints
    of short trainings that agreed best with the held-out distance (`benchmarks/best_checkpoint.py`).

    Raises:
        ValueError: as `kid`.
    """
    real, groups = reference.features, reference.groups
    if reference.held_out:
        return kid(real, generated, groups)
    mean, spread = real.mean(axis=0), real.std(axis=0)
    whole = [(rows - mean) / np.maximum(spread, spread.max() * SMALLEST) for rows in (real, generated)]
    return kid(whole[0], whole[1], groups) + crowding(whole[0], whole[1], groups)


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
