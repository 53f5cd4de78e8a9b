"""Batches of changed images, or of their features, in an order that is fixed before the training begins."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from flawforge.core.seeds import numpy_stream
from flawforge.core.settings.classifiers import ClassifierSettings
from flawforge.data.augmentation.transforms import ClassicalTransforms
from flawforge.models.classifier import Lite0Classifier
from flawforge.training.classifier.labelled_images import LabelledImages, as_unit_floats, balanced_order

VIEW_BATCH = 64  # images whose features are worked out at a time


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
        self.in_turn = shown.in_turn
        self.order = balanced_order(
            self.in_turn, settings.steps * size, numpy_stream(seed, "order", "classifier", kind)
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
        """Replace the images by the features of `views` changed ones, class-balanced.

        A changed image that comes again, as of five images and their mirror images most do, is worked out once.
        """
        chosen = balanced_order(self.in_turn, views, numpy_stream(seed, "order", "views", self.kind))
        rows: list[Tensor] = []
        known: dict[bytes, int] = {}
        number = []
        for index, part in enumerate(torch.split(chosen, VIEW_BATCH)):
            images = self.images[part.to(self.images.device)]
            changed = self.transforms(as_unit_floats(images), self.kind, "view", index)
            contents = [hashlib.sha256(image.contiguous().numpy()).digest() for image in changed.cpu()]
            new = []
            for row, content in enumerate(contents):
                if content not in known:
                    known[content] = len(known)
                    new.append(row)
            number += [known[content] for content in contents]
            if new:
                rows.append(network.look(changed[new], images[new]))
        self.images = torch.cat(rows)[number]
        self.labels = self.labels[chosen.to(self.labels.device)]
        self.in_turn = self.in_turn[chosen.to(self.in_turn.device)]
        self.order = balanced_order(self.in_turn, len(self.order), numpy_stream(seed, "order", "classifier", self.kind))
