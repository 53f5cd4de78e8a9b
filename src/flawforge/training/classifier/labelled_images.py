"""Images with labels that a classifier is trained on, and how often each is shown."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from flawforge.core.errors import DataUnusableError
from flawforge.core.settings.classifiers import ClassifierSettings
from flawforge.data.good_names import GOOD


@dataclass(frozen=True)
class LabelledImages:
    """Images with labels.

    Attributes:
        images: (N, C, H, W) uint8, 0 to 255.
        labels: (N,) int64 class numbers, or (N, K) float32 probabilities whose rows sum to 1.
        as_drawn: their numbers are meant: each image is shown as often as any other, whatever its class.
    """

    images: Tensor
    labels: Tensor
    as_drawn: bool = False

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images)

    @property
    def in_turn(self) -> Tensor:
        """The labels by which images are shown in turn; all alike where their numbers are meant."""
        return torch.zeros(len(self), dtype=torch.int64) if self.as_drawn else self.labels

    def soft(self, classes: int, smoothing: float) -> Tensor:
        """Return (N, classes) float32 labels, `smoothing` of each spread over all classes."""
        hard = F.one_hot(self.labels, classes).float() if self.labels.ndim == 1 else self.labels.float()
        return hard * (1 - smoothing) + smoothing / classes


def balanced_order(labels: Tensor, count: int, draws: np.random.Generator) -> Tensor:
    """Return (count,) indices of images to show one after the other, every class equally often.

    Classes come in permutations of those that are there, and so do the images within a class: in any K consecutive
    positions counted from the first each of K classes comes once, and no image of a class comes again before all have.

    Args:
        labels: (N,) class numbers, or (N, K) of which the largest decides.
        count: how many indices.
        draws: where the random numbers come from.
    """
    if count == 0:
        return torch.empty(0, dtype=torch.int64)
    codes = (labels if labels.ndim == 1 else labels.argmax(1)).cpu().numpy()
    present = np.unique(codes)
    rounds = -(-count // len(present))
    sequence = np.concatenate([draws.permutation(len(present)) for _ in range(rounds)])[:count]
    order = np.empty(count, dtype=np.int64)
    for index, code in enumerate(present):
        members = np.flatnonzero(codes == code)
        positions = np.flatnonzero(sequence == index)
        laps = max(1, -(-len(positions) // len(members)))
        shuffled = np.concatenate([draws.permutation(members) for _ in range(laps)])
        order[positions] = shuffled[: len(positions)]
    return torch.from_numpy(order)


def shown_shares(
    settings: ClassifierSettings,
    real: LabelledImages | None,
    classes: int,
    generated: LabelledImages | None = None,
    share: float = 0.0,
) -> Tensor:
    """Return (classes,) how often the labels that `fit` shows are of each class, shares; arguments as there."""
    count = math.floor(share * settings.batch + 0.5)
    total = torch.zeros(classes)
    for images, size in ((real, settings.batch - count), (generated, count)):
        if images is not None and size:
            soft = images.soft(classes, 0.0)
            codes = soft.argmax(1)
            each = [soft[codes == code].mean(0) for code in torch.unique(codes)]
            total += size / settings.batch * (soft.mean(0) if images.as_drawn else torch.stack(each).mean(0))
    return total / total.sum()


def in_equal_batches(images: Tensor, size: int, device: torch.device, forward: Callable[[Tensor], Tensor]) -> Tensor:
    """Return on the CPU what `forward` makes of uint8 images (N, C, H, W), so many at a time. All batches are of one
    size, so that sums have one order and what is said of an image depends on it alone.
    """
    out = []
    with torch.inference_mode():
        for part in torch.split(images, size):
            full = F.pad(part, (0, 0, 0, 0, 0, 0, 0, size - len(part)))
            shown = as_unit_floats(full.to(device)).contiguous(memory_format=torch.channels_last)
            out.append(forward(shown)[: len(part)].float().cpu())
    return torch.cat(out)


def as_unit_floats(images: Tensor) -> Tensor:
    """Return float32 in [-1, 1] of uint8 0..255."""
    return images.float().div_(127.5).sub_(1)


def good_images(images: LabelledImages, good: int | None) -> Tensor:
    """Return (n, C, H, W) uint8: those of the class `good`, by the largest of soft labels.

    Raises:
        DataUnusableError: there are none.
    """
    codes = images.labels if images.labels.ndim == 1 else images.labels.argmax(1)
    found = images.images[codes == (-1 if good is None else good)]
    if not len(found):
        raise DataUnusableError(
            "the training images hold none without a defect, with which images could be compared. Add good images in "
            f"a folder of a name like {', '.join(GOOD[:3])}, or name their class with --good."
        )
    return found
