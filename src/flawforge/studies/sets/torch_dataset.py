"""A synthetic set as a PyTorch dataset, to train one's own model on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from flawforge.core.errors import SettingError
from flawforge.core.images import resize, to_gray, to_unit
from flawforge.runs.folder import Run
from flawforge.studies.sets.synthetic_set import SyntheticSet


class SyntheticImages(Dataset[tuple[Tensor, int]]):
    """Generated images, decoded when they are asked for; made by `as_dataset`.

    Attributes:
        classes: class names, in the order of their numbers.
        class_to_index: class name to number.
        targets: the number of each image's class.
    """

    def __init__(
        self, source: SyntheticSet, size: tuple[int, int] | None, channels: int | None, class_to_index: dict[str, int]
    ) -> None:
        self.source, self.size, self.class_to_index = source, size, class_to_index
        self.entries = list(source.entries())
        self.channels = channels or (3 if any(entry.mode == "RGB" for entry in self.entries) else 1)
        self.classes = sorted(class_to_index, key=lambda label: class_to_index[label])
        self.targets = [class_to_index[entry.label] for entry in self.entries]

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.entries)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return the image as float32 (C, H, W) in [-1, 1], and its class's number."""
        entry = self.entries[index]
        pixels = self.source.read(entry)
        if self.channels == 1 and pixels.ndim == 3:
            pixels = to_gray(pixels)
        if self.size is not None:
            pixels = resize(pixels, *self.size)
        white = self.source.white(entry)
        values = to_unit(np.minimum(pixels, white), white)
        planes = values[None] if values.ndim == 2 else values.transpose(2, 0, 1)
        if self.channels == 3 and len(planes) == 1:
            planes = planes.repeat(3, axis=0)
        return torch.from_numpy(np.ascontiguousarray(planes)), self.targets[index]


def as_dataset(
    run: SyntheticSet | Run | str | Path,
    *,
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    class_to_index: Mapping[str, int] | None = None,
) -> SyntheticImages:
    """Return a synthetic set as a `torch.utils.data.Dataset` of (image, label).

    The image is a float32 tensor (C, H, W) in [-1, 1], the label an `int`. Files are decoded when they are
    asked for, in the loader's workers too. It can be joined with one's own images::

        both = torch.utils.data.ConcatDataset([own, flawforge.as_dataset(run, class_to_index=own.class_to_idx)])

    Args:
        run: a run, a set's folder, or what `flawforge.generate` returned.
        size: (height, width), or one number for both; None keeps each image's own size, which a loader can only batch
            when all are equal.
        channels: 1 takes the luma of colour images, 3 repeats gray; None takes 1 when all files are gray, else 3.
        class_to_index: the number of each class, to agree with one's own; None numbers the classes from 0 in
            alphabetical order.

    Raises:
        RunNotFoundError: there is no complete synthetic set.
        SettingError: a class has no number in `class_to_index`, or `size` or `channels` is outside its range.
    """
    source = SyntheticSet.open(run)
    labels = sorted(source.facts["classes"])
    numbers = dict(class_to_index) if class_to_index is not None else {label: i for i, label in enumerate(labels)}
    missing = [label for label in labels if label not in numbers]
    if missing:
        raise SettingError(
            f"class_to_index has no number for class '{missing[0]}' of {source.folder}; it has "
            f"{', '.join(numbers) or 'none'}. Add one, e.g. class_to_index={{**yours, '{missing[0]}': 0}}"
        )
    if channels not in (None, 1, 3):
        raise SettingError(f"channels is {channels}; allowed: 1, 3, or None for that of the files.")
    sides = (size, size) if isinstance(size, int) else size
    if sides is not None and (len(sides) != 2 or min(sides) < 1):
        raise SettingError(f"size is {size}; it is a number of pixels, or (height, width), each from 1.")
    return SyntheticImages(source, sides, channels, numbers)
