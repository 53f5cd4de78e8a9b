"""How often a model is right on labelled images, and what each threshold would cost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest

from flawforge.core.arrays import Bools, Floats32, Ints
from flawforge.metrics.fidelity.confusion import confusion_table
from flawforge.metrics.inference.classification import (
    Statistic,
    weighted_accuracy,
    weighted_auroc,
    weighted_balanced_accuracy,
)
from flawforge.metrics.inference.resampling import resampled
from flawforge.runs.detection.predictions import Evaluation, OperatingPoint
from flawforge.runs.estimates import Estimate

HALF = 0.5  # the threshold that is always shown
ALLOWED = {"good": (0.0, 0.01, 0.02, 0.05, 0.1, 0.2), "type": (0.01, 0.05)}  # false alarms, shares of all others


def evaluate(
    probabilities: Floats32, labels: Ints, classes: Sequence[str], task: str, groups: Ints | None = None
) -> Evaluation:
    """Judge class probabilities by the true classes.

    Args:
        probabilities: (N, K), N from 1.
        labels: (N,) true classes.
        classes: names of the K classes.
        task: ``good``: class 0 is good, class 1 defective, and thresholds are shown for the defective ones; else for
            each class.
        groups: (N,) which images show the same specimen; None: each image is taken for its own.
    """
    width, there = len(classes), np.unique(labels)
    table = confusion_table(labels, probabilities.argmax(1), (width, width))
    both = task == "good" and len(there) == 2
    shown = [1] if task == "good" else there.tolist()
    return Evaluation(
        images=len(labels),
        groups=None if groups is None else len(np.unique(groups)),
        per_class={name: int((labels == code).sum()) for code, name in enumerate(classes)},
        accuracy=_estimate(probabilities, labels, groups, weighted_accuracy),
        balanced_accuracy=_estimate(probabilities, labels, groups, weighted_balanced_accuracy),
        auroc=_estimate(probabilities, labels, groups, weighted_auroc) if both else None,
        confusion=table.tolist(),
        points=[
            point
            for code in shown
            if (labels == code).any() and (labels != code).any()
            for point in operating_points(probabilities[:, code], labels == code, classes[code], ALLOWED[task])
        ],
    )


def operating_points(scores: Floats32, of: Bools, label: str, allowed: Sequence[float]) -> list[OperatingPoint]:
    """Return what thresholds of one class's probability cost, the lowest first: 0.5, and for each allowed share of
    false alarms the lowest threshold that keeps to it.

    Args:
        scores: (N,) probabilities of the class.
        of: (N,) whether an image is of the class; both kinds are there.
        label: name of the class.
        allowed: shares of the other images, 0 to 1.
    """
    others = np.sort(scores[~of].astype(np.float64))[::-1]
    thresholds = {HALF}
    for share in allowed:
        alarms = int(np.floor(share * len(others) + 1e-9))
        if alarms < len(others):
            above = scores[scores > others[alarms]].astype(np.float64)
            thresholds.add(float((others[alarms] + (above.min() if len(above) else 1.0)) / 2))
    points = [
        OperatingPoint(
            label=label,
            threshold=threshold,
            missed=float((scores[of] < threshold).mean()),
            false_alarms=float((scores[~of] >= threshold).mean()),
        )
        for threshold in sorted(thresholds)
    ]
    return [one for one in points if one.threshold == HALF or not any(_costs_less(other, one) for other in points)]


def _costs_less(other: OperatingPoint, one: OperatingPoint) -> bool:
    """Say whether another threshold misses less and alarms less; of equals 0.5, else the higher, counts as better."""
    ours, theirs = (one.missed, one.false_alarms), (other.missed, other.false_alarms)
    as_good = theirs[0] <= ours[0] and theirs[1] <= ours[1]
    return as_good and (theirs != ours or other.threshold == HALF or other.threshold > one.threshold)


def _estimate(probabilities: Floats32, labels: Ints, groups: Ints | None, statistic: Statistic) -> Estimate:
    """Return a figure with its 95% interval: percentiles of a bootstrap over specimens.

    Where no draw differs (all or none are right) the bootstrap knows no spread, and Wilson's interval for as many
    specimens stands in for it.
    """
    value = float(statistic(probabilities.astype(np.float64), labels, np.ones((1, len(labels))))[0])
    try:
        draws = resampled(probabilities[None], labels, groups, statistic).draws[:, 0]
    except ValueError:  # too few specimens for an interval
        return Estimate(value=value, low=None, high=None)
    low, high = (float(end) for end in np.quantile(draws, (0.025, 0.975)))
    if low == high and value in (0.0, 1.0):
        specimens = len(labels) if groups is None else len(np.unique(groups))
        found = binomtest(round(value * specimens), specimens).proportion_ci(method="wilson")
        low, high = float(found.low), float(found.high)
    return Estimate(value=value, low=min(low, value), high=max(high, value))
