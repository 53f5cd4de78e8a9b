"""The images that a locator can learn from and be tested on: those whose defects are marked, and good ones."""

from __future__ import annotations

import hashlib

import numpy as np

from flawforge.core.arrays import Bools
from flawforge.core.errors import DataUnusableError
from flawforge.core.progress import Progress
from flawforge.core.settings.trials import TrialSettings
from flawforge.data.augmentation.masks import all_masks
from flawforge.data.dataset import Dataset
from flawforge.data.estimates import estimated_sentences
from flawforge.studies.trial.setup.good_class import without_defect


def marked_images(
    dataset: Dataset, settings: TrialSettings, progress: Progress
) -> tuple[Dataset, Bools, tuple[str, ...]]:
    """Return the images that can serve, their masks (N, H, W) at the model's size, and what a reader must know.

    An image of a defect's class in which nothing is marked is left out: its defect would count as ground.

    Raises:
        DataUnusableError: a class of defects in which nothing is marked, or no such class; masks that are estimated.
        ImageBrokenError: a mask cannot be read.
    """
    if said := estimated_sentences(dataset.samples):
        raise DataUnusableError(
            f"{' '.join(said)} A trial would measure how well a model finds the estimate. Mend them: a label file that "
            f"has changed counts as drawn. Or, where you have looked at all of them, delete manifest.jsonl in "
            f"{dataset.source}."
        )
    good = without_defect(settings, dataset.classes)
    masks = all_masks(dataset, good, settings.resolution, progress)
    serves = np.array([sample.label == good for sample in dataset.samples]) | masks.any(axis=(1, 2))
    for label in (label for label in dataset.classes if label != good):
        if not masks[dataset.labels == dataset.classes.index(label)].any():
            raise DataUnusableError(
                f"--task locate needs masks or boxes, and {dataset.source} has none for class '{label}'. Give it masks "
                f"or boxes, leave it out with --classes, or, if it holds good images, name it with --good."
            )
    if not masks.any():
        raise DataUnusableError(f"--task locate needs images of a defect; {dataset.source} has good images alone.")
    told = []
    if lacking := int((~serves).sum()):
        told.append(f"{lacking} images of defects have no mark of one, and were left out.")
    kept = dataset.take(np.flatnonzero(serves).tolist())
    boxed = sum(bool(one.marks) and not any(mark.regions for mark in one.marks) for one in kept.samples)
    if boxed:
        told.append(f"Of {boxed} images only boxes are known: all that lies inside a box counts as the defect.")
    return kept, masks[serves], tuple(told)


def contents_of(masks: Bools) -> str:
    """Return the SHA-256 of masks, for what a trial depends on."""
    return hashlib.sha256(np.packbits(masks).tobytes()).hexdigest()
