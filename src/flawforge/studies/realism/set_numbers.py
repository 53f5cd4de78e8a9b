"""The numbers of whole sets, remembered by the content of what was compared: most of a score's time beside features."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from itertools import chain

import numpy as np

from flawforge import __version__
from flawforge.core.progress import Progress
from flawforge.data.cache import recall_content, remember_content
from flawforge.runs.judged.scores import ClassScore, Infinite, MeasuredQuantity, UsualDistances
from flawforge.runs.records import RecordPart
from flawforge.studies.realism.comparison import ComparedSets, Halves, compare_sets
from flawforge.studies.realism.descriptors import DescribedImages
from flawforge.studies.realism.extras import CLASS_HALVES, class_scores, extrapolated, usual_distances
from flawforge.studies.realism.quantities import QUANTITIES, SetPair

NUMBERS = 1  # raise it when a number comes out otherwise: what is remembered counts no more


class SetNumbers(RecordPart):
    """The fields of a score's record that hold the numbers of whole sets."""

    quantities: list[MeasuredQuantity]
    classes: list[ClassScore]
    infinite: Infinite | None
    infinite_real: Infinite | None
    usual: UsualDistances


def measure_sets(
    sets: ComparedSets,
    every: ComparedSets,
    labels: Sequence[str],
    generated: DescribedImages,
    halves: Sequence[Halves],
    seed: int,
    progress: Progress,
) -> SetNumbers:
    """Measure the sets, unless the same were measured before.

    Args:
        sets: in the classes' real proportions.
        every: the same with all generated images of these classes.
        labels: class of each of those.
        generated: all generated images.
        halves: the rounds of `sets`.
        seed: of bootstrap, subsets and the rounds of each class.
        progress: where to tell how far it is.
    """
    sides = (sets.reference, sets.generated, sets.classical, every.generated, generated)
    key = _key(sides, halves, [sets.labels.tolist(), sets.disjoint, sets.classes, list(labels), seed])
    with suppress(ValueError):  # nothing was remembered
        return SetNumbers.model_validate_json(recall_content(key))
    with progress.task("comparing", 3, "parts") as task:
        quantities = compare_sets(sets, halves, seed)
        task.advance()
        classes = class_scores(every, labels, seed)
        task.advance()
        real_halves = SetPair(sets.reference.take(halves[0].a), sets.reference.take(halves[0].b))
        infinite, infinite_real = extrapolated(sets.whole, seed), extrapolated(real_halves, seed)
        usual = usual_distances(sets.reference, generated)
        task.advance()
    found = SetNumbers(
        quantities=quantities, classes=classes, infinite=infinite, infinite_real=infinite_real, usual=usual
    )
    remember_content(key, found.model_dump_json().encode())
    return found


def _key(sides: Sequence[DescribedImages], halves: Sequence[Halves], others: list[object]) -> str:
    """Return SHA-256 of all that the numbers depend on."""
    told = [(one.name, one.label, one.unit, one.better, one.meaning) for one in QUANTITIES.values()]
    digest = hashlib.sha256(repr((NUMBERS, __version__, told, CLASS_HALVES, others)).encode())
    described = [(side.features, side.spectra, side.histograms, side.groups) for side in sides]
    rows = [(half.a, half.b, half.generated, half.classical) for half in halves]
    for values in chain.from_iterable([*described, *rows]):
        digest.update(f"{values.shape}{values.dtype}".encode() + np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()
