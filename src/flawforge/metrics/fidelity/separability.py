"""Separability: how well a classifier tells two sets apart that it was not trained on.

Logistic regression with a ridge on standardised features, cross-validated by groups (Lopez-Paz & Oquab 2017,
"Revisiting Classifier Two-Sample Tests"; the area under the ROC curve in place of the accuracy). 0.5: it cannot; 1:
always.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special

from flawforge.core.arrays import Floats, Ints
from flawforge.core.seeds import numpy_stream
from flawforge.metrics.vectors import Vectors, as_groups, as_pair

FOLDS = 5
RIDGE = 0.1  # of the mean loss, on weights of standardised features over the root of their number
DRAWS = 400  # of the bootstrap over groups
HALVES = 20  # of the real images


class Separability(NamedTuple):
    """The area under the ROC curve with its 95 % interval over groups."""

    value: float
    low: float
    high: float


def separability(
    real: Vectors,
    other: Vectors,
    groups: ArrayLike,
    seed: int = 0,
    draws: int = DRAWS,
    other_groups: ArrayLike | None = None,
) -> Separability:
    """Return how well the two sets are told apart.

    Args:
        real: (M, D) features.
        other: (N, D).
        groups: (M,) group numbers of the real ones; the images of one fall into one fold.
        seed: of folds and bootstrap.
        draws: of the bootstrap.
        other_groups: (N,) group numbers of the others; None: each image is its own.

    Raises:
        ValueError: shapes that do not fit, or fewer than 5 groups on a side.
    """
    x, y = as_pair(real, other, 1)
    own = as_groups(groups, len(x), "groups")
    theirs = np.arange(len(y)) if other_groups is None else as_groups(other_groups, len(y), "other groups")
    member = np.concatenate([own, own.max() + 1 + theirs - theirs.min()])
    if min(len(np.unique(own)), len(np.unique(theirs))) < FOLDS:
        raise ValueError(f"{FOLDS} groups on each side are needed")
    rows, labels = np.concatenate([x, y]), np.repeat([0, 1], [len(x), len(y)])
    fold = np.zeros(len(rows), dtype=np.int64)
    for side in (0, 1):
        numbers = np.unique(member[labels == side])
        order = numpy_stream(seed, "bootstrap", "folds", side).permutation(len(numbers))
        fold[labels == side] = (order % FOLDS)[np.searchsorted(numbers, member[labels == side])]
    scores = np.zeros(len(rows))
    for held in range(FOLDS):
        test = fold == held
        scores[test] = _fitted(rows[~test], labels[~test], rows[test])
    value = _area(scores, labels, fold, np.ones(len(rows)))
    if not draws:
        return Separability(value, value, value)
    rng = numpy_stream(seed, "bootstrap", "separability")
    _, at = np.unique(member, return_inverse=True)
    count, drawn = int(at.max()) + 1, []
    for _ in range(draws):
        times = np.bincount(rng.integers(count, size=count), minlength=count).astype(np.float64)
        drawn.append(_area(scores, labels, fold, times[at]))
    low, high = np.nanquantile(drawn, (0.025, 0.975))
    return Separability(value, float(min(low, value)), float(max(high, value)))


def _fitted(rows: Floats, labels: Ints, held: Floats) -> Floats:
    mean, spread = rows.mean(axis=0), rows.std(axis=0)
    usable = spread > 1e-9
    scale = spread[usable] * np.sqrt(max(1, usable.sum()))
    train, test = ((part[:, usable] - mean[usable]) / scale for part in (rows, held))
    signs = 2.0 * labels - 1
    weights = np.where(labels == 1, 0.5 / (labels == 1).sum(), 0.5 / (labels == 0).sum())

    def loss(w: Floats) -> tuple[float, Floats]:
        margin = signs * (train @ w[:-1] + w[-1])
        slope = -signs * weights * special.expit(-margin)
        value = float(weights @ np.logaddexp(0, -margin) + RIDGE / 2 * (w[:-1] @ w[:-1]) / train.shape[1])
        return value, np.append(slope @ train + RIDGE * w[:-1] / train.shape[1], slope.sum())

    found = optimize.minimize(loss, np.zeros(train.shape[1] + 1), jac=True, method="L-BFGS-B", options={"maxiter": 100})
    out: Floats = test @ found.x[:-1] + found.x[-1]
    return out


def _area(scores: Floats, labels: Ints, fold: Ints, weights: Floats) -> float:
    """Return the weighted share of pairs within a fold in which the other image has the higher score."""
    won = total = 0.0
    for number in range(FOLDS):
        real, other = ((fold == number) & (labels == side) for side in (0, 1))
        pairs = np.outer(weights[other], weights[real])
        gap = scores[other][:, None] - scores[real][None]
        won += float((pairs * (0.5 + 0.5 * np.sign(gap))).sum())
        total += float(pairs.sum())
    return won / total if total else float("nan")


def halves_apart(real: Vectors, groups: ArrayLike, seed: int = 0) -> Separability:
    """Return how well halves of the real images are told apart: mean and 95 % range over 20 random halves."""
    rows = np.asarray(real, dtype=np.float64)
    member, found = as_groups(groups, len(rows), "groups"), []
    for number in range(HALVES):
        order = numpy_stream(seed, "bootstrap", "separability", "halves", number).permutation(np.unique(member))
        first = np.isin(member, order[: len(order) // 2])
        found.append(separability(rows[first], rows[~first], member[first], seed, draws=0).value)
    low, high = np.quantile(found, (0.025, 0.975))
    return Separability(float(np.mean(found)), float(low), float(high))
