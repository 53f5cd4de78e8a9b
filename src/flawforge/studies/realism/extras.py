"""Parts of the score: per class, nearest class, spectra, gray levels, the extrapolated Fréchet distance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from flawforge.core.arrays import Ints
from flawforge.metrics.fidelity.confusion import confusion_table, nearest_class
from flawforge.metrics.fidelity.frechet import SMALLEST_SHARE, frechet_infinity
from flawforge.metrics.fidelity.histogram import brightness_difference
from flawforge.metrics.fidelity.spectrum import fine_difference, ring_frequencies
from flawforge.runs.scores import ClassScore, Confusion, Infinite, Levels, Number, Quantity, Spectra
from flawforge.studies.realism.comparison import BALLS, QUANTITIES, TAILS, Cast, Half, compare, draw_halves
from flawforge.studies.realism.subsets import LEAST_GROUPS, LEAST_IMAGES

CLASS_HALVES = 20
LEVEL_STEPS = 64
CONFUSED = 20  # real images of a class that others are compared with, or as many as the smallest class has
LEAST_INFINITE = 10  # groups a set


def class_scores(cast: Cast, labels: Sequence[str], generated: Sequence[str], seed: int) -> list[ClassScore]:
    """Compare class by class; empty when there is one class, or when the generated images carry none."""
    made = np.array(generated, dtype=np.str_)
    if len(labels) < 2 or not set(labels) & set(generated):
        return []
    return [_class_score(cast, code, label, np.flatnonzero(made == label), seed) for code, label in enumerate(labels)]


def _class_score(cast: Cast, code: int, label: str, made: Ints, seed: int) -> ClassScore:
    rows = np.flatnonzero(cast.labels == code)
    groups = np.unique(cast.groups[rows])
    names = ("kid", "coverage")
    why = ""
    if len(groups) < LEAST_GROUPS:
        why = f"{len(groups)} pieces of real material; it takes {LEAST_GROUPS}"
    elif len(made) < LEAST_IMAGES:
        why = f"{len(made)} generated images; it takes {LEAST_IMAGES}"
    if why:
        kid, coverage = (_unmeasured(name, len(made), len(groups)) for name in names)
    else:
        # the class of a transform is that of its source: with other classes' among them, it is left out here
        one = replace(
            cast, reference=cast.reference.take(rows), groups=cast.groups[rows], labels=cast.labels[rows],
            generated=cast.generated.take(made), disjoint=True,
        )  # fmt: skip
        halves = draw_halves(one, seed, CLASS_HALVES)
        kid, coverage = (
            quantity.model_copy(update={"classical": _unmeasured(quantity.name, 0, 0).classical})
            for quantity in compare(one, halves, seed, names)
        )
    return ClassScore(
        label=label, n_generated=len(made), n_reference=len(rows), groups=len(groups), kid=kid, coverage=coverage,
        why=why,
    )  # fmt: skip


def without_transforms(quantities: Sequence[Quantity]) -> list[str]:
    """Return in a sentence why the classical transforms have no numbers, or nothing where they have."""
    if all(one.classical.value is not None for one in quantities):
        return []
    return [
        f"Classical transforms are not measured: those that can be compared stem from too few pieces of training "
        f"material. It takes {BALLS + 1} or more of about as many images each."
    ]


def _unmeasured(name: str, n: int, groups: int) -> Quantity:
    none = Number(value=None, low=None, high=None, n=n, groups=groups)
    unit, better = QUANTITIES[name]
    return Quantity(name=name, unit=unit, better=better, generated=none, real=none, classical=none, outside=None)


def confusion(cast: Cast, labels: Sequence[str], generated: Sequence[str]) -> Confusion | None:
    """Return the table of nearest classes, over about as many real images of each class; None with one class."""
    if len(labels) < 2:
        return None
    most = max(CONFUSED, int(np.bincount(cast.labels, minlength=len(labels)).min()))
    rows = np.concatenate([np.flatnonzero(cast.labels == code)[:most] for code in range(len(labels))])
    real, codes, groups = cast.reference.features[rows], cast.labels[rows], cast.groups[rows]
    own = sorted(set(generated))
    made = np.array([own.index(label) for label in generated], dtype=np.int64)
    of_generated = nearest_class(real, codes, cast.generated.features)
    of_real = nearest_class(real, codes, real, groups, groups)
    table = confusion_table(made, of_generated, (len(own), len(labels)))
    scale = confusion_table(codes, of_real, (len(labels), len(labels)))
    return Confusion(
        columns=list(labels),
        rows={label: table[row].tolist() for row, label in enumerate(own)},
        real_rows={label: scale[row].tolist() for row, label in enumerate(labels)},
    )


def spectra(cast: Cast, halves: Sequence[Half], resolution: tuple[int, int]) -> Spectra:
    """Return the mean spectra, with the band that the means of random halves of the reference fill."""
    means = np.stack([cast.reference.spectra[half.a].mean(axis=0) for half in halves])
    low, high = np.quantile(means, TAILS, axis=0)
    return Spectra(
        frequencies=ring_frequencies(*resolution).tolist(),
        real=cast.reference.spectra.mean(axis=0).tolist(),
        low=low.tolist(),
        high=high.tolist(),
        generated=cast.generated.spectra.mean(axis=0).tolist(),
        classical=cast.classical.spectra.mean(axis=0).tolist(),
        fine=fine_difference(cast.reference.spectra, cast.generated.spectra),
    )


def levels(cast: Cast) -> Levels:
    """Return the gray levels in 64 steps, and how much brighter the generated images are."""
    real, made = (side.histograms.mean(axis=0).reshape(LEVEL_STEPS, -1).sum(axis=1) for side in
                  (cast.reference, cast.generated))  # fmt: skip
    brighter = brightness_difference(cast.reference.histograms, cast.generated.histograms)
    return Levels(real=real.tolist(), generated=made.tolist(), brighter=brighter)


def infinite(cast: Cast, seed: int, half: Half | None = None) -> Infinite | None:
    """Return the extrapolated Fréchet distance of the generated images to all real ones, or with `half` of B to A.

    None where a set has fewer than 10 groups.
    """
    if half is None:
        real, other = cast.reference.features, cast.generated.features
        groups, others = cast.groups, np.arange(len(other))
    else:
        real, other = cast.reference.features[half.a], cast.reference.features[half.b]
        groups, others = cast.groups[half.a], cast.groups[half.b]
    if min(np.unique(groups).size, np.unique(others).size) < LEAST_INFINITE:
        return None
    found = frechet_infinity(real, other, groups, others, seed)
    smallest = SMALLEST_SHARE * min(len(real), len(other))
    return Infinite(
        **found._asdict(), n_reference=len(real), n=len(other), trusted=bool(smallest > real.shape[1])
    )  # fmt: skip
