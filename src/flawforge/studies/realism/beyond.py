"""What generated images reach of unseen ones that as many changed copies of the training images do not, by class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from flawforge.core.arrays import Bools, Ints
from flawforge.core.images import Pixels
from flawforge.core.progress import Progress
from flawforge.core.seeds import numpy_stream
from flawforge.data.augmentation.classical import classical
from flawforge.metrics.fidelity.new_coverage import HeldOutShare, NewCoverage, held_out_share, new_coverage
from flawforge.models.extractors import Extractor
from flawforge.runs.judged.scores import BeyondCopies, Number
from flawforge.studies.realism.descriptors import DescribedImages, describe_images
from flawforge.studies.realism.sentences import beyond_sentence
from flawforge.studies.realism.subsets import ENOUGH_GROUPS, ENOUGH_IMAGES, draw_rows
from flawforge.studies.sets import HeldOut, MatchedImages

MOST_MADE = 128  # generated images, and copies, of a class
MOST_HELD = 300  # held-out images of a class: with more of them, each would have to be reached more closely
SHARES = ("generated", "again", "real", "above")
KIDS = ("kid", "kid_copies", "kid_ratio")
ALL = "all classes"  # the label where generated images have no class


@dataclass(frozen=True)
class ClassInput:
    """One class: its held-out images described, rows of its generated and of its training images."""

    label: str
    held: DescribedImages
    generated: Ints
    training: Ints


@dataclass(frozen=True)
class Copier:
    """Makes and describes changed copies of training images, as they are compared."""

    matched: MatchedImages
    extractor: Extractor
    seed: int
    progress: Progress

    def draw(self, one: ClassInput, count: int, number: int) -> DescribedImages:
        """Return `count` copies, each training image as often as any other."""
        order = numpy_stream(self.seed, "augmentation", "copies", one.label).permutation(one.training)
        white = self.matched.training.white

        def copy(index: int) -> Pixels:
            image = self.matched.real(int(order[index % len(order)])).transpose(1, 2, 0)
            rng = numpy_stream(self.seed, "augmentation", "copies", one.label, number, index)
            return np.ascontiguousarray(classical(image, white, rng).transpose(2, 0, 1))

        title = f"changed copies, {one.label}"
        return describe_images(copy, np.arange(count), white, self.extractor, title, self.progress)


def class_inputs(
    real: HeldOut, held: DescribedImages, labels: Sequence[str], made: Sequence[str], shared: Sequence[str]
) -> list[ClassInput]:
    """Return what each class is measured on.

    Args:
        real: the real images.
        held: the held-out images described, with their class `labels`.
        labels: class of each held-out image.
        made: class of each generated image.
        shared: the classes that both have; none: the generated images have no class, and all count as one.
    """
    of_held, of_made, of_training = np.array(labels), np.array(made), real.labels(real.training)
    if not shared:
        return [ClassInput(ALL, held, np.arange(len(made)), real.training)]
    return [
        ClassInput(
            label,
            held.take(np.flatnonzero(of_held == label)),
            np.flatnonzero(of_made == label),
            real.training[of_training == label],
        )
        for label in shared
    ]


def beyond_copies(
    inputs: Sequence[ClassInput], generated: DescribedImages, copier: Copier
) -> tuple[list[BeyondCopies], str]:
    """Measure each class, and return the outcome over all of them in a sentence; empty where nothing was measured."""
    measured = [_measure(one, generated, copier) for one in inputs]
    found = [(one, groups) for _, one, groups in measured if one is not None]
    if not found:
        return [record for record, _, _ in measured], ""
    groups = np.concatenate([own for _, own in found])
    seed = copier.seed

    def pooled(rows: Callable[[NewCoverage], Bools | Ints]) -> HeldOutShare:
        return held_out_share(np.concatenate([rows(one) for one, _ in found]), groups, seed)

    kids = [(one.kid or 0.0, one.kid_copies or 0.0) for one, _ in found]
    copies = sum(kid for _, kid in kids)
    sentence = beyond_sentence(
        pooled(lambda one: one.reached).value,
        pooled(lambda one: one.reached_again).value,
        pooled(lambda one: one.reached.astype(np.int64) - one.reached_again).low > 0,
        sum(kid for kid, _ in kids) / copies if copies > 0 else None,
    )
    return [record for record, _, _ in measured], sentence


def _measure(
    one: ClassInput, generated: DescribedImages, copier: Copier
) -> tuple[BeyondCopies, NewCoverage | None, Ints]:
    rng = numpy_stream(copier.seed, "bootstrap", "new coverage", one.label)
    held = one.held.take(draw_rows(np.arange(len(one.held)), one.held.groups, MOST_HELD, rng))
    made = generated.take(np.sort(rng.permutation(one.generated)[:MOST_MADE]))
    groups = len(np.unique(held.groups))
    counts = {"label": one.label, "n": len(made), "n_reference": len(held), "groups": groups}
    if why := _why_not(one, groups):
        none = dict.fromkeys(SHARES, _number(None, len(made), groups))
        return BeyondCopies.model_validate({**counts, **none, "why": why}), None, held.groups
    copies, again = (copier.draw(one, len(made), number).features for number in range(2))
    found = new_coverage(held.features, made.features, copies, again, held.groups, copier.seed)
    numbers = {name: _number(getattr(found, name), len(made), groups) for name in SHARES}
    kids = {name: getattr(found, name) for name in KIDS}
    return BeyondCopies.model_validate({**counts, **numbers, **kids}), found, held.groups


def _why_not(one: ClassInput, groups: int) -> str:
    if not len(one.training):
        return "no training images of this class, so there is nothing to copy"
    if groups < ENOUGH_GROUPS:
        return f"held-out images of {groups} specimens, {ENOUGH_GROUPS} are needed"
    if len(one.generated) < ENOUGH_IMAGES:
        return f"{len(one.generated)} generated images, {ENOUGH_IMAGES} are needed"
    return ""


def _number(found: HeldOutShare | None, n: int, groups: int) -> Number:
    if found is None:
        return Number(value=None, low=None, high=None, n=n, groups=groups)
    return Number(value=found.value, low=found.low, high=found.high, n=n, groups=groups)
