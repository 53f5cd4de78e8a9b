"""The figures of a trial: what is measured of every arm, and the one that the verdict rests on, which comes first.

Where all classes count alike it is the task's: balanced accuracy, or AUROC. Where classes are rare it is their average
precision, and the task's figures stand beside it (docs/decisions/rare-classes.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from flawforge.core.arrays import Bools, Ints
from flawforge.metrics.detection.boxes import box_average_precision
from flawforge.metrics.detection.pixels import LIMIT, MeanOfClasses, PixelStatistics
from flawforge.metrics.inference.classification import (
    STATISTICS,
    TASK_STATISTICS,
    ClassAgainstRest,
    MeanAveragePrecision,
    Statistic,
)

Task = Literal["type", "good", "locate"]
PIXEL_FIGURE = "pixel average precision"
GOOD = 0  # label of good images where the others' labels are kinds of defects


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes:
        statistic: of the probabilities.
        labels: (N,) what it takes as the true class of each test image.
        of: (N,) the test images that it is measured on.
        rests_on: (N,) images each, whose numbers of specimens decide how sure it is; empty: all classes alike.
    """

    statistic: Statistic
    labels: Ints
    of: Bools
    rests_on: tuple[Bools, ...] = ()


def verdict_figure(task: Task, rare: Sequence[str] = ()) -> str:
    """Return the name of the figure that the verdict rests on."""
    if task == "locate":
        return PIXEL_FIGURE
    if not rare:
        return TASK_STATISTICS[task][0]
    return f"average precision of {rare[0]}" if len(rare) == 1 else "mean average precision of the rare classes"


def figures_of(
    task: Task,
    classes: Sequence[str],
    labels: Ints,
    kinds: Sequence[str] | None = None,
    rare: Sequence[str] = (),
    *,
    unequal: bool = False,
    good: int | None = None,
) -> dict[str, Figure]:
    """Return the figures by name, the one that the verdict rests on first.

    Args:
        task: of the trial.
        classes: of the classifier.
        labels: (N,) true classes of the test images.
        kinds: with the task ``good``, the (N,) original class of each.
        rare: the rare classes. With the task ``good`` they are kinds of defects, and each is compared with good images.
        unequal: whether classes may have unlike numbers of test images, so that the smallest decide how sure it is.
        good: with the task ``locate``, the label of the images without a defect; None: there are none.
    """
    everything = np.ones(len(labels), bool)
    if task == "locate":
        return _of_maps(labels, good)
    rests = tuple(labels == code for code in np.unique(labels)) if unequal else ()
    whole = {name: Figure(STATISTICS[name], labels, everything, rests) for name in TASK_STATISTICS[str(task)]}
    if not rare:
        return whole
    if task == "type":
        codes = {name: list(classes).index(name) for name in rare}
        each = {name: ClassAgainstRest(code, code) for name, code in codes.items()}
        own, rest = labels, everything
    else:
        names = np.asarray(kinds or ())
        own = np.where(labels == GOOD, GOOD, -1)
        for code, name in enumerate(rare, start=1):
            own[names == name] = code
        each = {name: ClassAgainstRest(1, code, GOOD) for code, name in enumerate(rare, start=1)}
        rest = own == GOOD
    members = {name: own == each[name].code for name in rare}
    found = {
        f"{word} of {name}": Figure(statistic, own, members[name] | rest, (members[name],))
        for name in rare
        for word, statistic in each[name].statistics().items()
    }
    if len(rare) > 1:
        mean = Figure(MeanAveragePrecision(tuple(each.values())), own, own >= 0, tuple(members.values()))
        found = {verdict_figure(task, rare): mean} | found
    return found | whole


def _of_maps(labels: Ints, good: int | None) -> dict[str, Figure]:
    """Return the figures of maps. The verdict's counts each class alike, as balanced accuracy does: with all pixels
    alike, one large stain would count as much as a hundred pores.
    """
    codes = [int(code) for code in np.unique(labels) if code != good]
    statistics, everything = PixelStatistics(good), np.ones(len(labels), bool)
    found: dict[str, Statistic] = {
        PIXEL_FIGURE: MeanOfClasses(tuple(codes)),
        "of all pixels": statistics.average_precision,
        f"per-region overlap up to {LIMIT:.0%} false alarms": statistics.per_region_overlap,
    }
    found["box average precision at IoU 0.5"] = box_average_precision
    if good is not None and (labels == good).any():
        found["AUROC of images"] = statistics.auroc
    return {name: Figure(statistic, labels, everything) for name, statistic in found.items()}
