"""How good are class probabilities? Arrays in, one number per row of weights out.

Every statistic takes weights, one per image, so that a bootstrap over groups is a matrix of weights and not a loop over
copies of the data; a weight of 2 is the same as the image twice. The most probable class (the first of equals) is the
prediction. For two classes (0 good, 1 defective) the score of an image is its probability of class 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from flawforge.core.arrays import Floats, Ints

Statistic = Callable[[Floats, Ints, Floats], Floats]  # (N, ...) outputs, (N,) labels, (B, N) weights -> (B,) values


def weighted_accuracy(outputs: Floats, labels: Ints, weights: Floats) -> Floats:
    """Return (B,) shares of images whose predicted class is the true one, under (B, N) weights."""
    return weighted_mean((outputs.argmax(axis=1) == labels).astype(np.float64), labels, weights)


def weighted_mean(outcomes: Floats, labels: Ints, weights: Floats) -> Floats:
    """Return (B,) means of (N,) outcomes, such as 1 for right and 0 for wrong; the labels do not matter."""
    return _ratio(weights @ outcomes, weights.sum(axis=1))


def weighted_class_mean(outcomes: Floats, labels: Ints, weights: Floats) -> Floats:
    """Return (B,) means over the classes of the mean outcome in each; classes without weight are left out."""
    member = (labels[:, None] == np.unique(labels)[None, :]).astype(np.float64)
    return _class_mean(weights @ (member * outcomes[:, None]), weights @ member)


def weighted_balanced_accuracy(outputs: Floats, labels: Ints, weights: Floats) -> Floats:
    """Return (B,) means over the classes of their recall; classes without weight are left out.

    Brodersen et al. 2010, "The balanced accuracy and its posterior distribution".
    """
    return weighted_class_mean((outputs.argmax(axis=1) == labels).astype(np.float64), labels, weights)


def weighted_macro_f1(outputs: Floats, labels: Ints, weights: Floats) -> Floats:
    """Return (B,) means over the classes of F1, ``2 TP / (2 TP + FP + FN)``, of those true or predicted at all."""
    classes = np.arange(outputs.shape[1])
    true = (labels[:, None] == classes).astype(np.float64)
    predicted = (outputs.argmax(axis=1)[:, None] == classes).astype(np.float64)
    return _class_mean(2 * (weights @ (true * predicted)), weights @ (true + predicted))


def weighted_auroc(outputs: Floats, labels: Ints, weights: Floats) -> Floats:
    """Return (B,) areas under the ROC curve: the chance that a defective image scores higher than a good one, equals
    counting half (Hanley & McNeil 1982, equation 1). NaN where a class has no weight.
    """
    good, bad = _weights_by_score(outputs, labels, weights)
    above = np.cumsum(bad, axis=1) - bad / 2  # defective weight at higher scores, half of that at the same
    return _ratio((above * good).sum(axis=1), good.sum(axis=1) * bad.sum(axis=1))


def weighted_aupr(outputs: Floats, labels: Ints, weights: Floats) -> Floats:
    """Return (B,) average precisions: precision summed over the steps of recall, without interpolation.

    Davis & Goadrich 2006 on why not to interpolate. NaN where a class has no weight.
    """
    good, bad = _weights_by_score(outputs, labels, weights)
    hits, alarms = np.cumsum(bad, axis=1), np.cumsum(good + bad, axis=1)
    precision = np.divide(hits, alarms, out=np.zeros_like(alarms), where=alarms > 0)
    return _ratio((precision * bad).sum(axis=1), np.where(good.sum(axis=1) > 0, bad.sum(axis=1), 0))


def weighted_recall_at(outputs: Floats, labels: Ints, weights: Floats, rate: float) -> Floats:
    """Return (B,) largest shares of defective images found by a threshold that alarms on at most `rate` of good ones.

    The threshold is one of the scores; between them nothing is interpolated. NaN where a class has no weight.
    """
    good, bad = _weights_by_score(outputs, labels, weights)
    good_weight = good.sum(axis=1)
    allowed = np.cumsum(good, axis=1) <= rate * good_weight[:, None] * (1 + 1e-12)
    largest = (np.cumsum(bad, axis=1) * allowed).max(axis=1)
    return _ratio(largest, np.where(good_weight > 0, bad.sum(axis=1), 0))


@dataclass(frozen=True)
class ClassAgainstRest:
    """Statistics of one class against others, such as a rare kind of defect.

    Attributes:
        column: of the probabilities; an image is taken for the class where this one is the largest.
        code: label of the class's images.
        against: label of the images that it is compared with; None: all others.
    """

    column: int
    code: int
    against: int | None = None

    def statistics(self) -> dict[str, Statistic]:
        """Return the statistics by name; each is NaN where the class has no weight."""
        return {
            "average precision": self.average_precision,
            "recall": self.recall,
            "precision": self.precision,
            "F1": self.f1,
        }

    def average_precision(self, outputs: Floats, labels: Ints, weights: Floats) -> Floats:
        """Return (B,) sums of precision over the steps of recall, images of one score together, not interpolated."""
        own = labels == self.code
        others = ~own if self.against is None else labels == self.against
        scores = outputs[:, self.column]
        above = (scores[:, None] >= scores[None, own]).astype(np.float64)  # the class is rare: a product is fastest
        hits, false = weights[:, own] @ above[own], weights[:, others] @ above[others]
        precision = np.divide(hits, hits + false, out=np.zeros_like(hits), where=hits > 0)
        return _ratio((precision * weights[:, own]).sum(axis=1), weights[:, own].sum(axis=1))

    def recall(self, outputs: Floats, labels: Ints, weights: Floats) -> Floats:
        """Return (B,) shares of the class's images that are taken for it."""
        found, _, all_own = self._counts(outputs, labels, weights)
        return _ratio(found, all_own)

    def precision(self, outputs: Floats, labels: Ints, weights: Floats) -> Floats:
        """Return (B,) shares of the class's images among those that are taken for it; 0 where none is."""
        found, alarms, all_own = self._counts(outputs, labels, weights)
        share = np.divide(found, found + alarms, out=np.zeros_like(found), where=found > 0)
        return np.where(all_own > 0, share, np.nan)

    def f1(self, outputs: Floats, labels: Ints, weights: Floats) -> Floats:
        """Return (B,) ``2 TP / (2 TP + FP + FN)``."""
        found, alarms, all_own = self._counts(outputs, labels, weights)
        return np.where(all_own > 0, _ratio(2 * found, found + alarms + all_own), np.nan)

    def _counts(self, outputs: Floats, labels: Ints, weights: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the weights of the class's images taken for it, of others taken for it, and of all of the class."""
        own = labels == self.code
        others = ~own if self.against is None else labels == self.against
        taken = outputs.argmax(axis=1) == self.column
        found, alarms, everything = (weights @ one.astype(np.float64) for one in (own & taken, others & taken, own))
        return found, alarms, everything


@dataclass(frozen=True)
class MeanAveragePrecision:
    """The mean of several classes' average precision; NaN where one has no weight."""

    classes: tuple[ClassAgainstRest, ...]

    def __call__(self, outputs: Floats, labels: Ints, weights: Floats) -> Floats:
        """Return (B,) means."""
        each = [one.average_precision(outputs, labels, weights) for one in self.classes]
        return np.asarray(np.mean(each, axis=0))


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


def _ratio(above: Floats, below: Floats) -> Floats:
    """Return the quotient, NaN where the denominator is 0: nothing was measured."""
    return np.asarray(np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0))


def _class_mean(above: Floats, below: Floats) -> Floats:
    """Return (B,) means over the classes of (B, K) quotients, without those whose denominator is 0."""
    shares = np.divide(above, below, out=np.zeros_like(below), where=below > 0)
    return _ratio(shares.sum(axis=1), (below > 0).sum(axis=1).astype(np.float64))


def _weights_by_score(outputs: Floats, labels: Ints, weights: Floats) -> tuple[Floats, Floats]:
    """Return (B, U) weights of good and of defective images at each score, highest score first."""
    order = np.argsort(-outputs[:, 1], kind="stable")
    scores = outputs[order, 1]
    starts = np.flatnonzero(np.r_[True, scores[1:] != scores[:-1]])
    sorted_weights, bad = weights[:, order], labels[order] == 1
    return (
        np.add.reduceat(sorted_weights * ~bad, starts, axis=1),
        np.add.reduceat(sorted_weights * bad, starts, axis=1),
    )
