"""Parts of the score: per class, nearest class, spectra, gray levels, the extrapolated Fréchet distance, and the most
and least realistic images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from flawforge.core.arrays import Ints
from flawforge.metrics.fidelity.confusion import confusion_table, nearest_class
from flawforge.metrics.fidelity.frechet import SMALLEST_SHARE, frechet, frechet_infinity
from flawforge.metrics.fidelity.histogram import brightness_difference
from flawforge.metrics.fidelity.kid import kid
from flawforge.metrics.fidelity.precision_recall import realism
from flawforge.metrics.fidelity.spectrum import fine_difference, ring_frequencies
from flawforge.runs.judged.scores import (
    ClassScore,
    Confusion,
    Infinite,
    Levels,
    MeanSpectra,
    MeasuredQuantity,
    RatedImage,
    UsualDistances,
)
from flawforge.studies.realism.comparison import (
    NEIGHBOURS,
    TAILS,
    ComparedSets,
    Halves,
    compare_sets,
    draw_halves,
    unmeasured,
)
from flawforge.studies.realism.descriptors import DescribedImages
from flawforge.studies.realism.quantities import SetPair
from flawforge.studies.realism.subsets import ENOUGH_GROUPS, ENOUGH_IMAGES
from flawforge.studies.sets import MatchedImages, RecordPictures

CLASS_HALVES = 20
LEVEL_STEPS = 64
CONFUSED_IMAGES = 20  # real images of a class that others are compared with, or as many as the smallest class has
EXTRAPOLATED_GROUPS = 10  # groups of each set that an extrapolation takes at least


def class_scores(sets: ComparedSets, generated: Sequence[str], seed: int) -> list[ClassScore]:
    """Compare class by class; empty when there is one class, or when the generated images carry none."""
    own, labels = np.array(generated, dtype=np.str_), sets.classes
    if len(labels) < 2 or not set(labels) & set(generated):
        return []
    return [_class_score(sets, code, label, np.flatnonzero(own == label), seed) for code, label in enumerate(labels)]


def _class_score(sets: ComparedSets, code: int, label: str, generated: Ints, seed: int) -> ClassScore:
    rows = np.flatnonzero(sets.labels == code)
    groups = len(np.unique(sets.reference.groups[rows]))
    names = ("kid", "coverage")
    why = ""
    if groups < ENOUGH_GROUPS:
        why = f"{groups} real specimens, {ENOUGH_GROUPS} are needed"
    elif len(generated) < ENOUGH_IMAGES:
        why = f"{len(generated)} generated images, {ENOUGH_IMAGES} are needed"
    if why:
        kid, coverage = (unmeasured(name, len(generated), groups) for name in names)
    else:
        # the class of a transform is that of its source: with other classes' among them, it is left out here
        own = replace(
            sets,
            reference=sets.reference.take(rows),
            labels=sets.labels[rows],
            generated=sets.generated.take(generated),
            disjoint=True,
        )
        kid, coverage = (
            quantity.model_copy(update={"classical": unmeasured(quantity.name, 0, 0).classical})
            for quantity in compare_sets(own, draw_halves(own, seed, CLASS_HALVES), seed, names)
        )
    return ClassScore(
        label=label,
        n_generated=len(generated),
        n_reference=len(rows),
        groups=groups,
        kid=kid,
        coverage=coverage,
        why=why,
    )


def without_transforms(quantities: Sequence[MeasuredQuantity]) -> list[str]:
    """Return in a sentence why the classical transforms have no numbers, or nothing where they have."""
    if all(quantity.classical.value is not None for quantity in quantities):
        return []
    return [
        f"Classical transforms were not measured: too few specimens among the training images that they may be made "
        f"from. At least {NEIGHBOURS + 1} with about equally many images each are needed."
    ]


def confusion_of(sets: ComparedSets, generated: Sequence[str]) -> Confusion | None:
    """Return the table of nearest classes, over about as many real images of each class; None with one class."""
    labels = sets.classes
    if len(labels) < 2:
        return None
    size = max(CONFUSED_IMAGES, int(np.bincount(sets.labels, minlength=len(labels)).min()))
    rows = np.concatenate([np.flatnonzero(sets.labels == code)[:size] for code in range(len(labels))])
    real, codes, groups = sets.reference.features[rows], sets.labels[rows], sets.reference.groups[rows]
    names, own = np.unique(np.array(generated, dtype=np.str_), return_inverse=True)
    of_generated = nearest_class(real, codes, sets.generated.features)
    of_real = nearest_class(real, codes, real, groups, groups)
    table = confusion_table(own, of_generated, (len(names), len(labels)))
    scale = confusion_table(codes, of_real, (len(labels), len(labels)))
    return Confusion(
        columns=list(labels),
        rows=dict(zip(names.tolist(), table.tolist(), strict=True)),
        real_rows=dict(zip(labels, scale.tolist(), strict=True)),
    )


def mean_spectra(sets: ComparedSets, halves: Sequence[Halves], resolution: tuple[int, int]) -> MeanSpectra:
    """Return the mean spectra, with the band that the means of random halves of the reference fill."""
    real = sets.reference.spectra
    low, high = np.quantile([real[half.a].mean(axis=0) for half in halves], TAILS, axis=0)
    return MeanSpectra(
        frequencies=ring_frequencies(*resolution).tolist(),
        real=real.mean(axis=0).tolist(),
        low=low.tolist(),
        high=high.tolist(),
        generated=sets.generated.spectra.mean(axis=0).tolist(),
        classical=sets.classical.spectra.mean(axis=0).tolist(),
        fine=fine_difference(real, sets.generated.spectra),
    )


def gray_levels(sets: ComparedSets) -> Levels:
    """Return the gray levels in 64 steps, and how much brighter the generated images are."""
    real, generated = sets.reference.histograms, sets.generated.histograms
    steps = [side.mean(axis=0).reshape(LEVEL_STEPS, -1).sum(axis=1).tolist() for side in (real, generated)]
    return Levels(real=steps[0], generated=steps[1], brighter=brightness_difference(real, generated))


def extrapolated(pair: SetPair, seed: int) -> Infinite | None:
    """Return the Fréchet distance extrapolated to infinitely many images; None where a set has below 10 groups."""
    real, other = pair.real, pair.other
    if min(np.unique(real.groups).size, np.unique(other.groups).size) < EXTRAPOLATED_GROUPS:
        return None
    found = frechet_infinity(real.features, other.features, real.groups, other.groups, seed)
    smallest = SMALLEST_SHARE * min(len(real), len(other))
    trusted = bool(smallest > real.features.shape[1])
    return Infinite(**found._asdict(), n_reference=len(real), n=len(other), trusted=trusted)


def usual_distances(reference: DescribedImages, generated: DescribedImages) -> UsualDistances:
    """Return the distances as other tools state them: of all images, each counted for itself, without halves."""
    return UsualDistances(
        fid=frechet(reference.features, generated.features),
        kid=kid(reference.features, generated.features),
        n_reference=len(reference),
        n=len(generated),
    )


def keep_extremes(
    folder: Path, matched: MatchedImages, reference: DescribedImages, generated: DescribedImages, count: int
) -> tuple[list[RatedImage], list[RatedImage]]:
    """Rate every generated image, keep pictures of the `count` most and least realistic ones, and return both lists.

    The least realistic comes first in the second list. Pictures go below `folder`; those of an older score are removed.
    """
    pictures = RecordPictures(folder, "records/score", matched.training.white)
    scores = realism(reference.features, generated.features, reference.groups)
    order = np.argsort(-scores, kind="stable").tolist()
    count = min(count, len(order) // 2)

    def rated(row: int) -> RatedImage:
        picture = pictures.keep(matched.seen(matched.read_generated(row)))
        entry, score = matched.entries[row], float(scores[row]) if np.isfinite(scores[row]) else None
        return RatedImage(file=entry.file, label=entry.label, score=score, picture=picture)

    best, worst = [rated(row) for row in order[:count]], [rated(row) for row in order[: -count - 1 : -1]]
    pictures.remove_others()
    return best, worst
