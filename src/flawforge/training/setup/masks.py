"""The masks that a training needs and nobody drew."""

from __future__ import annotations

from collections.abc import Collection

from flawforge.core.progress import Progress
from flawforge.data.dataset import Dataset
from flawforge.runs.checkpoint import newest_checkpoint
from flawforge.runs.folder import Run
from flawforge.training.estimated_masks import EstimatedMasks, estimate_masks, with_saved_masks
from flawforge.training.setup.request import TrainingRequest


def masks_for(
    request: TrainingRequest, chosen: Dataset, donors: Dataset | None, good: Collection[str], progress: Progress
) -> EstimatedMasks | None:
    """Return the training images with masks estimated where none are drawn, and say so; a run that goes on has those
    that it was begun with. None: the recipe needs no masks.

    Args:
        request: the training.
        chosen: the training images.
        donors: images beside them, or None.
        good: SHA-256 of those of them that show no defect.
        progress: where to tell it.
    """
    if not request.resolved.needs_masks:
        return None
    run = Run(request.out)
    if request.continues and newest_checkpoint(run) is not None:
        return EstimatedMasks(with_saved_masks(chosen, run.estimated_masks))
    rows = [] if donors is None else [row for row, one in enumerate(donors.samples) if one.sha256 in set(good)]
    masks = estimate_masks(chosen, donors.take(rows) if donors is not None and rows else None, progress=progress)
    for sentence in masks.sentences if request.resolved.learns else filter(None, [masks.lacking]):
        progress.warn(sentence)  # else it ends what is said of how defects are placed
    return masks
