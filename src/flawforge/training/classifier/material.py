"""Labelled images that a classifier is trained on, and their batches."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flawforge.core.errors import DataUnusableError
from flawforge.core.seeds import numpy_stream
from flawforge.core.settings.classifiers import ClassifierSettings
from flawforge.data.augmentation.transforms import ClassicalTransforms
from flawforge.models.classifier import Lite0Classifier
from flawforge.training.classifier.batch_schedule import balanced_order

VIEW_BATCH = 64  # images whose features are worked out at a time


@dataclass(frozen=True)
class Material:
    """Images with labels.

    Attributes:
        images: (N, C, H, W) uint8, 0 to 255.
        labels: (N,) int64 class numbers, or (N, K) float32 probabilities whose rows sum to 1.
        weight: of an image's loss.
    """

    images: Tensor
    labels: Tensor
    weight: float = 1.0

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
        material: the images.
        kind: ``real`` or ``generated``; addresses the random numbers, so that neither kind disturbs the other.
        shown: images that the training will ask for in all.
        settings: of the training.
        classes: width of the labels.
        seed: of the training.
        device: where the batches are wanted.
    """

    def __init__(
        self,
        material: Material,
        kind: str,
        shown: int,
        settings: ClassifierSettings,
        classes: int,
        seed: int,
        device: torch.device,
    ) -> None:
        self.kind, self.next, self.weight = kind, 0, material.weight
        self.images = material.images.to(device)
        smoothing = settings.generated_smoothing if kind == "generated" else settings.label_smoothing
        self.labels = material.soft(classes, smoothing).to(device)
        if kind == "generated":
            self.weight *= settings.generated_weight
        self.transforms = ClassicalTransforms(settings.transforms, seed)
        self.order = balanced_order(material.labels, shown, numpy_stream(seed, "order", "classifier", kind))

    def take(self, count: int, step: int) -> tuple[Tensor, Tensor]:
        """Return the next `count` images, float (count, C, H, W) in [-1, 1], and their labels (count, K),
        whose rows sum to the weight of an image.
        """
        images, labels = self._pick(count)
        return self.transforms(to_unit(images), self.kind, step), labels

    def _pick(self, count: int) -> tuple[Tensor, Tensor]:
        indices = self.order[self.next : self.next + count].to(self.images.device)
        self.next += count
        return self.images[indices], self.labels[indices] * self.weight


class FeatureBatches(ImageBatches):
    """As `ImageBatches`, but the images are changed `views` times before the training and only their features stay.

    Labels are not mixed.
    """

    def take(self, count: int, step: int) -> tuple[Tensor, Tensor]:
        """Return features (count, D) and labels (count, K)."""
        return self._pick(count)

    @torch.no_grad()
    def look(self, network: Lite0Classifier, views: int, seed: int) -> None:
        """Replace the images by the features of `views` changed ones, class-balanced."""
        chosen = balanced_order(self.labels, views, numpy_stream(seed, "order", "views", self.kind))
        rows = []
        for place, part in enumerate(torch.split(chosen, VIEW_BATCH)):
            images = to_unit(self.images[part.to(self.images.device)])
            rows.append(network.features(self.transforms(images, self.kind, "view", place)))
        self.images, self.labels = torch.cat(rows), self.labels[chosen.to(self.labels.device)]
        self.order = balanced_order(self.labels, len(self.order), numpy_stream(seed, "order", "classifier", self.kind))


def to_unit(images: Tensor) -> Tensor:
    """Return float32 in [-1, 1] of uint8 0..255."""
    return images.float().div_(127.5).sub_(1)


def norms_of(network: nn.Module) -> list[nn.modules.batchnorm._BatchNorm]:
    """Return the network's batch norms that keep statistics."""
    return [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats]
