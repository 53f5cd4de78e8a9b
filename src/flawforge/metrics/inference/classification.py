"""Classification: how good are class probabilities? Arrays in, floats out.

Every quantity takes weights, one for each image, so that a bootstrap over groups is a matrix of weights and not a loop
over copies of the data. A weight of 2 is the same as the image twice. For two classes (0 good, 1 defective) the score
of an image is its probability of class 1.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from flawforge.core.arrays import Bools, Floats, Ints

Statistic = Callable[[Floats, Ints, Floats], Floats]  # (N, ...) outputs, (N,) labels, (B, N) weights -> (B,) values


def accuracy(probabilities: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Return the share of images whose most probable class (the first, of equals) is the true one, 0 to 1.

    Args:
        probabilities: (N, K) of the classes, or any scores that rank them.
        labels: (N,) true classes, 0 to K - 1.
        weights: (N,) 0 or more; None: 1 each.

    Raises:
        ValueError: shapes that do not fit, a label outside, a value that is not finite, or no weight at all.
    """
    return _one(weighted_accuracy, probabilities, labels, weights)


def balanced_accuracy(probabilities: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Return the mean over the classes of the share of their images that are found; classes without images are out.

    Brodersen et al. 2010, "The balanced accuracy and its posterior distribution". Arguments as `accuracy`.
    """
    return _one(weighted_balanced_accuracy, probabilities, labels, weights)


def macro_f1(probabilities: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Return the mean over the classes of F1, ``2 TP / (2 TP + FP + FN)``; classes neither true nor told are out.

    Arguments as `accuracy`.
    """
    return _one(weighted_macro_f1, probabilities, labels, weights)


def auroc(probabilities: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Return the chance that a defective image scores higher than a good one, equals counting half.

    The area under the ROC curve (Hanley & McNeil 1982, equation 1). Arguments as `accuracy`, K = 2; also (N,) scores.

    Raises:
        ValueError: as `accuracy`, or one of the two classes is missing.
    """
    return _one(weighted_auroc, probabilities, labels, weights)


def aupr(probabilities: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Return the average precision: precision summed over the steps of recall, without interpolation.

    Davis & Goadrich 2006 on why not to interpolate. Arguments and errors as `auroc`.
    """
    return _one(weighted_aupr, probabilities, labels, weights)


def recall_at_false_alarms(
    probabilities: ArrayLike, labels: ArrayLike, rate: float, weights: ArrayLike | None = None
) -> float:
    """Return the largest share of defective images found by a threshold that alarms on at most `rate` of good ones.

    The threshold is one of the scores; between them nothing is interpolated. Arguments and errors as `auroc`.

    Args:
        probabilities: (N, 2) or (N,).
        labels: (N,) of 0 and 1.
        rate: share of good images that may raise an alarm, 0 to 1. Below 1 / (good images) it means none.
        weights: as `accuracy`.
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"rate is {rate}; it is a share of the good images, 0 to 1")
    return _one(partial(weighted_recall_at, rate=rate), probabilities, labels, weights)


def confusion(probabilities: ArrayLike, labels: ArrayLike) -> Ints:
    """Return the (K, K) counts: true class by most probable class."""
    outputs, true = as_outputs(probabilities, labels)
    table = np.zeros((outputs.shape[1], outputs.shape[1]), dtype=np.int64)
    np.add.at(table, (true, outputs.argmax(axis=1)), 1)
    return table


def weighted_accuracy(outputs: Floats, labels: Ints, weights: Floats) -> Floats:
    """Return (B,) accuracies under (B, N) weights; see `accuracy`."""
    return weighted_mean((outputs.argmax(axis=1) == labels).astype(np.float64), labels, weights)


def weighted_mean(outcomes: Floats, labels: Ints, weights: Floats) -> Floats:
    """Return (B,) means of (N,) outcomes, such as 1 for right and 0 for wrong; the labels do not matter."""
    total = weights.sum(axis=1)
    return _ratio(weights @ outcomes, total, total > 0)


def weighted_class_mean(outcomes: Floats, labels: Ints, weights: Floats) -> Floats:
    """Return (B,) means over the classes of the mean outcome in each; classes without weight are left out."""
    member = (labels[:, None] == np.unique(labels)[None, :]).astype(np.float64)
    total = weights @ member
    means = np.divide(weights @ (member * outcomes[:, None]), total, out=np.zeros_like(total), where=total > 0)
    there = (total > 0).sum(axis=1)
    return _ratio(means.sum(axis=1), there, there > 0)


def weighted_balanced_accuracy(outputs: Floats, labels: Ints, weights: Floats) -> Floats:
    """Return (B,) balanced accuracies under (B, N) weights; see `balanced_accuracy`."""
    return weighted_class_mean((outputs.argmax(axis=1) == labels).astype(np.float64), labels, weights)


def weighted_macro_f1(outputs: Floats, labels: Ints, weights: Floats) -> Floats:
    """Return (B,) macro F1 under (B, N) weights; see `macro_f1`."""
    classes = np.arange(outputs.shape[1])
    true = (labels[:, None] == classes).astype(np.float64)
    told = (outputs.argmax(axis=1)[:, None] == classes).astype(np.float64)
    twice, either = 2 * (weights @ (true * told)), weights @ (true + told)
    scores = np.divide(twice, either, out=np.zeros_like(either), where=either > 0)
    there = (either > 0).sum(axis=1)
    return _ratio(scores.sum(axis=1), there, there > 0)


def weighted_auroc(outputs: Floats, labels: Ints, weights: Floats) -> Floats:
    """Return (B,) areas under the ROC curve under (B, N) weights; NaN where a class has no weight."""
    good, bad = _steps(outputs, labels, weights)
    above = np.cumsum(bad, axis=1) - bad / 2  # defective weight at higher scores, half of that at the same
    area = (above * good).sum(axis=1)
    whole = good.sum(axis=1) * bad.sum(axis=1)
    return _ratio(area, whole, whole > 0)


def weighted_aupr(outputs: Floats, labels: Ints, weights: Floats) -> Floats:
    """Return (B,) average precisions under (B, N) weights; NaN where a class has no weight."""
    good, bad = _steps(outputs, labels, weights)
    found, told = np.cumsum(bad, axis=1), np.cumsum(good + bad, axis=1)
    precision = np.divide(found, told, out=np.zeros_like(told), where=told > 0)
    whole = bad.sum(axis=1)
    measured = (whole > 0) & (good.sum(axis=1) > 0)
    return _ratio((precision * bad).sum(axis=1), whole, measured)


def weighted_recall_at(outputs: Floats, labels: Ints, weights: Floats, rate: float) -> Floats:
    """Return (B,) recalls at a rate of false alarms under (B, N) weights; NaN where a class has no weight."""
    good, bad = _steps(outputs, labels, weights)
    fine, whole = good.sum(axis=1), bad.sum(axis=1)
    allowed = np.cumsum(good, axis=1) <= rate * fine[:, None] * (1 + 1e-12)
    most = (np.cumsum(bad, axis=1) * allowed).max(axis=1)
    return _ratio(most, whole, (whole > 0) & (fine > 0))


STATISTICS: dict[str, Statistic] = {
    "accuracy": weighted_accuracy,
    "balanced accuracy": weighted_balanced_accuracy,
    "macro-F1": weighted_macro_f1,
    "AUROC": weighted_auroc,
    "AUPR": weighted_aupr,
    "recall at 1 % false alarms": partial(weighted_recall_at, rate=0.01),
    "recall at 5 % false alarms": partial(weighted_recall_at, rate=0.05),
}
TASK_STATISTICS = {  # the first one is what the verdict rests on
    "type": ("balanced accuracy", "accuracy", "macro-F1"),
    "good": ("AUROC", "AUPR", "recall at 1 % false alarms", "recall at 5 % false alarms"),
}


def as_outputs(probabilities: ArrayLike, labels: ArrayLike) -> tuple[Floats, Ints]:
    """Return (N, K) float64 and (N,) int64; (N,) scores become two columns.

    Raises:
        ValueError: as `accuracy`.
    """
    outputs = np.asarray(probabilities, dtype=np.float64)
    if outputs.ndim == 1:
        outputs = np.stack([-outputs, outputs], axis=1)
    true = np.asarray(labels)
    if outputs.ndim != 2 or outputs.shape[1] < 2 or not len(outputs):
        raise ValueError(f"probabilities have shape {outputs.shape}; they are (N, K), K classes for each of N images")
    if true.shape != (len(outputs),) or true.dtype.kind not in "iu":
        raise ValueError(
            f"labels have shape {true.shape} and type {true.dtype}; one class number for each of {len(outputs)} images"
        )
    if true.min() < 0 or true.max() >= outputs.shape[1]:
        raise ValueError(f"labels run from {true.min()} to {true.max()}; there are classes 0 to {outputs.shape[1] - 1}")
    if not np.isfinite(outputs).all():
        raise ValueError("probabilities hold a value that is not finite")
    return outputs, true.astype(np.int64)


def _one(statistic: Statistic, probabilities: ArrayLike, labels: ArrayLike, weights: ArrayLike | None) -> float:
    outputs, true = as_outputs(probabilities, labels)
    given = np.ones(len(true)) if weights is None else np.asarray(weights, dtype=np.float64)
    if given.shape != true.shape or not np.isfinite(given).all() or (given < 0).any():
        raise ValueError(f"weights have shape {given.shape}; one finite number from 0 for each of {len(true)} images")
    value = float(statistic(outputs, true, given[None, :])[0])
    if np.isnan(value):
        raise ValueError("nothing to measure: a class that this number needs has no image (or no weight)")
    return value


def _ratio(above: Floats, below: Floats, measured: Bools) -> Floats:
    """Return the quotient, NaN where it is not measured."""
    found = np.full(len(above), np.nan)
    found[measured] = above[measured] / below[measured]
    return found


def _steps(outputs: Floats, labels: Ints, weights: Floats) -> tuple[Floats, Floats]:
    """Return (B, U) weights of good and of defective images at each score, highest score first."""
    if outputs.shape[1] != 2:
        raise ValueError(f"there are {outputs.shape[1]} classes; this number is for two, 0 good and 1 defective")
    order = np.argsort(-outputs[:, 1], kind="stable")
    scores = outputs[order, 1]
    starts = np.flatnonzero(np.r_[True, scores[1:] != scores[:-1]])
    sorted_weights, bad = weights[:, order], labels[order] == 1
    return (
        np.add.reduceat(sorted_weights * ~bad, starts, axis=1),
        np.add.reduceat(sorted_weights * bad, starts, axis=1),
    )
