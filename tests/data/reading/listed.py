"""What a dataset holds, by file."""

from __future__ import annotations

from flawforge.data.dataset import Dataset


def labels(dataset: Dataset) -> dict[str, str]:
    """Return the class of each image."""
    return {sample.file: sample.label for sample in dataset.samples}


def masks(dataset: Dataset) -> dict[str, str | None]:
    """Return the mask of each image."""
    return {sample.file: sample.mask for sample in dataset.samples}
