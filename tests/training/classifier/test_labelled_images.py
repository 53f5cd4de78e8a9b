"""What a classifier is shown: classes and images in equal turns."""

from __future__ import annotations

import numpy as np
import torch

from flawforge.core.settings.classifiers import ClassifierSettings
from flawforge.training.classifier.batches import FeatureBatches, ImageBatches
from flawforge.training.classifier.labelled_images import LabelledImages, balanced_order


def test_classes_come_equally_often_and_images_within_them() -> None:
    labels = torch.tensor([0] * 2 + [1] * 7 + [3] * 4)  # class 2 has none
    order = balanced_order(labels, 300, np.random.default_rng(0))
    shown = torch.bincount(order, minlength=13)
    assert torch.bincount(labels[order]).tolist() == [100, 100, 0, 100]
    for code in (0, 1, 3):
        times = shown[labels == code]
        assert int(times.max() - times.min()) <= 1
    for first in range(0, 300, 3):
        assert len(set(labels[order[first : first + 3]].tolist())) == 3


def test_soft_labels_count_by_their_largest() -> None:
    soft = torch.tensor([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
    order = balanced_order(soft, 40, np.random.default_rng(0))
    assert int((order == 2).sum()) == 20


def test_nothing_may_be_asked_for() -> None:
    assert len(balanced_order(torch.tensor([0, 1]), 0, np.random.default_rng(0))) == 0


def test_images_whose_numbers_are_meant_come_equally_often() -> None:
    images, labels = torch.zeros((12, 1, 8, 8), dtype=torch.uint8), torch.tensor([0] * 9 + [1] * 3)
    settings = ClassifierSettings(steps=10, batch=12, policy="none")
    for as_drawn, ones in ((True, 30), (False, 60)):
        shown = LabelledImages(images, labels, as_drawn=as_drawn)
        batches = ImageBatches(shown, "generated", 12, settings, 2, 0, torch.device("cpu"))
        times = torch.bincount(batches.order, minlength=12)
        assert int(times[labels == 1].sum()) == ones
        assert (times == 10).all() == as_drawn


class Counting:
    """Counts the images that it looks at, and gives each its mean."""

    seen = 0

    def look(self, changed: torch.Tensor, originals: torch.Tensor) -> torch.Tensor:
        self.seen += len(changed)
        return changed.mean((1, 2, 3), keepdim=True)[:, :, 0, 0]


def test_a_changed_image_that_comes_again_is_looked_at_once() -> None:
    images = torch.arange(4 * 64, dtype=torch.uint8).view(4, 1, 8, 8)
    settings = ClassifierSettings(model="effnet-probe", steps=5, batch=4, policy="mirrors")
    shown = LabelledImages(images, torch.tensor([0, 1, 0, 1]))
    batches = FeatureBatches(shown, "real", 4, settings, 2, 0, torch.device("cpu"))
    network = Counting()
    batches.look(network, 200, 0)  # type: ignore[arg-type]
    assert network.seen <= 4 * 4  # mirrored left-right, up-down or both
    assert batches.images.shape == (200, 1)
