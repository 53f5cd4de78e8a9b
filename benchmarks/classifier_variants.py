"""Small networks beside `small-cnn`, as factories for `classical_policies.py`: other pooling, other input."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from flawforge.models.classifier import DEPTHS, SmallCNN, standardise


class Largest(SmallCNN):
    """Maxima over all places, in which a defect that covers few of them does not drown."""

    def features(self, images: Tensor) -> Tensor:
        """Return (N, 256)."""
        maps: Tensor = self.layers(standardise(images))
        return maps.amax((2, 3))


class Both(SmallCNN):
    """Means and maxima."""

    def features(self, images: Tensor) -> Tensor:
        """Return (N, 512)."""
        maps: Tensor = self.layers(standardise(images))
        return torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], 1)


class Spread(SmallCNN):
    """Means and deviations."""

    def features(self, images: Tensor) -> Tensor:
        """Return (N, 512)."""
        maps = self.layers(standardise(images)).float()
        return torch.cat([maps.mean((2, 3)), (maps.var((2, 3), correction=0) + 1e-4).sqrt()], 1)


class AsItIs(SmallCNN):
    """Means, of images that are not standardised."""

    def features(self, images: Tensor) -> Tensor:
        """Return (N, 256)."""
        maps: Tensor = self.layers(images)
        return maps.mean((2, 3))


def largest(classes: int, channels: int, _: tuple[int, int]) -> nn.Module:
    """Return the network that sees maxima."""
    return _begun(Largest(classes, channels), classes, 1)


def both(classes: int, channels: int, _: tuple[int, int]) -> nn.Module:
    """Return the network that sees means and maxima."""
    return _begun(Both(classes, channels), classes, 2)


def spread(classes: int, channels: int, _: tuple[int, int]) -> nn.Module:
    """Return the network that sees means and deviations."""
    return _begun(Spread(classes, channels), classes, 2)


def as_it_is(classes: int, channels: int, _: tuple[int, int]) -> nn.Module:
    """Return the network that sees images as they are."""
    return _begun(AsItIs(classes, channels), classes, 1)


def _begun(network: SmallCNN, classes: int, numbers: int) -> nn.Module:
    """Give the network a last layer for `numbers` numbers of each map, and first weights as `small-cnn` has."""
    network.classifier = nn.Linear(numbers * DEPTHS[-1], classes)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out")
    return network
