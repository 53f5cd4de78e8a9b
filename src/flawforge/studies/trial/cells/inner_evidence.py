"""What a choice inside the training images rests on: folds of them, and how well each image was told there.

An image is judged by the logarithm of a probability, which tells more than right or wrong where a fold holds a dozen.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from flawforge.core.arrays import Bools, Floats, Floats32, Ints
from flawforge.core.seeds import numpy_stream
from flawforge.studies.trial.setup.bench import Bench

LOWEST_PROBABILITY = 0.02  # a miss below it counts no more: one image must not decide
SHIFTS = np.linspace(-8, 8, 161)  # of the rare classes' logits
FEWEST_LEFT = 2  # images of a class that a fold leaves to a generator


@dataclass(frozen=True)
class Criterion:
    """How the images of all folds are judged, as fits the figure that the verdict rests on.

    Where that is of all classes, the score is the mean over the classes of the mean logarithm of the true class's
    probability. Where it is of rare classes, it is the mean over each of these and all the rest together. An image of
    the rest is then judged by the probability that it is of no rare class, whichever other one it is taken for, and all
    after the one shift of the rare logits that is best for them: average precision asks for the ranking, so that no
    strategy may gain by saying "rare" more often.

    Attributes:
        targets: (n,) task classes of the judged images.
        strata: (n,) what the mean is taken over; of each the images count equally.
        groups: (n,) of the judged images.
        rare: the task classes of rare images; empty where the figure is of all classes.
        unequal: whether the strata are of unlike size, so that the error is worked out by stratum.
    """

    targets: Ints
    strata: Ints
    groups: Ints
    rare: tuple[int, ...] = ()
    unequal: bool = False

    @classmethod
    def of(cls, bench: Bench, judged: Ints) -> Criterion:
        """Return the criterion for these images of a trial."""
        settings, labels = bench.settings, bench.dataset.labels[judged]
        targets, groups = bench.targets(labels), bench.division.groups[judged]
        if not settings.rare:
            return cls(targets, targets, groups, unequal=settings.unequal)
        codes = np.array([bench.dataset.classes.index(label) for label in settings.rare])
        strata = np.where(np.isin(labels, codes), labels, -1)
        return cls(targets, strata, groups, tuple(np.unique(bench.targets(codes)).tolist()), unequal=True)

    @property
    def of_all_classes(self) -> Criterion:
        """The same images, judged as where the figure is of all classes."""
        return replace(self, strata=self.targets, rare=())

    def scores(self, predicted: list[Floats32]) -> Floats:
        """Return (n,) log probabilities from the (., K) probabilities of each fold."""
        rows = np.concatenate(predicted).astype(np.float64)
        found = rows[np.arange(len(rows)), self.targets]
        if not self.rare:
            return np.asarray(np.log(np.maximum(found, LOWEST_PROBABILITY)))
        rare = rows[:, self.rare].sum(axis=1)
        own = np.isin(self.targets, self.rare)
        factor = np.exp(SHIFTS)[:, None]
        shifted = np.where(own, found * factor, 1 - rare) / (1 - rare + rare * factor)
        scores = np.log(np.maximum(shifted, LOWEST_PROBABILITY))
        return np.asarray(max(scores, key=self.mean))

    def mean(self, values: Floats, among: Bools | None = None) -> float:
        """Return the mean over the strata of the mean over each one's images, of all or of some."""
        strata = self.strata if among is None else self.strata[among]
        values = values if among is None else values[among]
        return float(np.mean([values[strata == code].mean() for code in np.unique(strata)]))

    def error(self, values: Floats) -> float:
        """Return the standard error of the mean, images of one group counting once."""
        if not self.unequal:
            return _error(values, self.groups)
        each = [
            _error(values[own], self.groups[own]) for own in (self.strata == code for code in np.unique(self.strata))
        ]
        return float(np.sqrt(np.sum(np.square(each))) / len(each))


def _error(values: Floats, groups: Ints) -> float:
    means = np.array([values[groups == group].mean() for group in np.unique(groups)])
    return float(means.std(ddof=1) / np.sqrt(len(means))) if len(means) > 1 else float("inf")


def inner_folds(bench: Bench, shots: Ints, seed: int, least: int = FEWEST_LEFT) -> list[Ints]:
    """Return the folds, ascending indices each, that keep groups whole; none where one would leave too few of a class.

    Of a class with as many images as there are folds each one is left out once.

    Args:
        bench: of the trial.
        shots: indices of the repeat's training images.
        seed: of the repeat.
        least: images of each class that every fold leaves to train on.
    """
    folds = bench.settings.folds
    if folds < 2:
        return []
    labels, groups = bench.dataset.labels[shots], bench.division.groups[shots]
    draws = numpy_stream(seed, "split", "inner")
    place = np.full(len(shots), -1)
    held: Counter[tuple[int, int]] = Counter()
    names = draws.permutation(np.unique(groups))
    names = names[np.argsort([-int((groups == name).sum()) for name in names], kind="stable")]
    for name in names:
        members = np.flatnonzero(groups == name)
        codes = labels[members].tolist()
        fold = min(
            range(folds), key=lambda f: (sum(held[f, c] for c in codes), sum(n for (g, _), n in held.items() if g == f))
        )
        place[members] = fold
        held.update((fold, code) for code in codes)
    for fold in range(folds):
        left = Counter(labels[place != fold].tolist())
        if len(left) < len(set(labels.tolist())) or min(left.values()) < least or not (place == fold).any():
            return []
    return [np.sort(shots[place == fold]) for fold in range(folds)]
