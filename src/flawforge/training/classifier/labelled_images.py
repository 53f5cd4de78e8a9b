"""Labelled images that a classifier is trained on, and their batches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flawforge.core.errors import DataUnusableError
from flawforge.core.seeds import numpy_stream
from flawforge.core.settings.classifiers import ClassifierSettings
from flawforge.data.augmentation.transforms import ClassicalTransforms
from flawforge.models.classifier import Lite0Classifier

VIEW_BATCH = 64  # images whose features are worked out at a time


@dataclass(frozen=True)
class LabelledImages:
    """Images with labels.

    Attributes:
        images: (N, C, H, W) uint8, 0 to 255.
        labels: (N,) int64 class numbers, or (N, K) float32 probabilities whose rows sum to 1.
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images)

    def check(self, classes: int, what: str) -> None:
        """Refuse what cannot be trained on.

        Raises:
            DataUnusableError: no images, labels that do not fit them, or a class number outside 0 to `classes` - 1.
        """
        images, labels = self.images, self.labels
        if images.ndim != 4 or images.dtype != torch.uint8 or len(images) == 0:
            raise DataUnusableError(
                f"the {what} images are {images.dtype} {tuple(images.shape)}; a classifier takes uint8 (N, C, H, W), N "
                f"from 1."
            )
        fits = labels.shape == (len(images),) or labels.shape == (len(images), classes)
        if not fits or (labels.ndim == 1) == labels.is_floating_point():
            raise DataUnusableError(
                f"the labels of {len(images)} {what} images are {labels.dtype} {tuple(labels.shape)}; they are class "
                f"numbers ({len(images)},) or probabilities ({len(images)}, {classes})."
            )
        if labels.ndim == 1 and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
            raise DataUnusableError(
                f"the {what} images have class numbers {int(labels.min())} to {int(labels.max())}; with {classes} "
                f"classes they are 0 to {classes - 1}."
            )

    def soft(self, classes: int, smoothing: float) -> Tensor:
        """Return (N, classes) float32 labels, `smoothing` of each spread over all classes."""
        hard = F.one_hot(self.labels, classes).float() if self.labels.ndim == 1 else self.labels.float()
        return hard * (1 - smoothing) + smoothing / classes


class ImageBatches:
    """Batches of changed images of one kind, in a class-balanced order that is fixed before the training begins.

    Args:
        shown: the images.
        kind: ``real`` or ``generated``; addresses the random numbers, so that neither kind disturbs the other.
        size: images of this kind in each step.
        settings: of the training.
        classes: width of the labels.
        seed: of the training.
        device: where the batches are wanted.
    """

    def __init__(
        self,
        shown: LabelledImages,
        kind: str,
        size: int,
        settings: ClassifierSettings,
        classes: int,
        seed: int,
        device: torch.device,
    ) -> None:
        self.kind, self.size = kind, size
        self.images = shown.images.to(device)
        self.labels = shown.soft(classes, settings.label_smoothing if kind == "real" else 0.0).to(device)
        self.transforms = ClassicalTransforms(settings.transforms, seed)
        self.order = balanced_order(
            shown.labels, settings.steps * size, numpy_stream(seed, "order", "classifier", kind)
        )

    def take(self, step: int) -> tuple[Tensor, Tensor]:
        """Return the images of a step, float (size, C, H, W) in [-1, 1], and their labels (size, K)."""
        images, labels = self._pick(step)
        return self.transforms(as_unit_floats(images), self.kind, step), labels

    def _pick(self, step: int) -> tuple[Tensor, Tensor]:
        indices = self.order[step * self.size : (step + 1) * self.size].to(self.images.device)
        return self.images[indices], self.labels[indices]


class FeatureBatches(ImageBatches):
    """As `ImageBatches`, but the images are changed `views` times before the training and only their features stay.

    Labels are not mixed.
    """

    def take(self, step: int) -> tuple[Tensor, Tensor]:
        """Return features (size, D) and labels (size, K)."""
        return self._pick(step)

    @torch.no_grad()
    def look(self, network: Lite0Classifier, views: int, seed: int) -> None:
        """Replace the images by the features of `views` changed ones, class-balanced."""
        chosen = balanced_order(self.labels, views, numpy_stream(seed, "order", "views", self.kind))
        rows = []
        for index, part in enumerate(torch.split(chosen, VIEW_BATCH)):
            images = as_unit_floats(self.images[part.to(self.images.device)])
            rows.append(network.features(self.transforms(images, self.kind, "view", index)))
        self.images, self.labels = torch.cat(rows), self.labels[chosen.to(self.labels.device)]
        self.order = balanced_order(self.labels, len(self.order), numpy_stream(seed, "order", "classifier", self.kind))


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


def as_unit_floats(images: Tensor) -> Tensor:
    """Return float32 in [-1, 1] of uint8 0..255."""
    return images.float().div_(127.5).sub_(1)


def norms_of(network: nn.Module) -> list[nn.modules.batchnorm._BatchNorm]:
    """Return the network's batch norms that keep statistics."""
    return [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats]
