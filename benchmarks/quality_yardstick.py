"""What generated images are judged by: real images of groups that no training saw, in two sets of features.

``kid`` is the unbiased kernel distance in EfficientNet-Lite0's stage 5, as `flawforge score` has it. `fewshot`'s
discriminator looks through the same network, so ``scattering`` is the same distance in features that nobody learnt
(each brought to mean 0 and standard deviation 1 over all the real images). ``coverage`` (in Lite0's features) and
``coverage2`` (in scattering's) are the shares of held-out images with a generated one in their neighbourhood, at as
many generated images as real ones; ``precision`` is the share of generated images among the real ones (Lite0). All are
means over the classes, each class against its own held-out images.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flawforge.data.dataset import Dataset
from flawforge.data.sampling.splits import propose_split
from flawforge.metrics.fidelity.kid import kid
from flawforge.metrics.fidelity.precision_recall import density_coverage, precision_recall
from flawforge.models.extractors import find_extractor
from scattering import scattering

SIDE = 64  # both recipes are judged at this size; larger images are averaged down to it
MADE = 200  # generated images of a class
NAMES = ("kid", "scattering", "coverage", "coverage2", "precision")

Features = tuple[NDArray[np.float32], NDArray[np.float32]]
Numbers = dict[str, float]


@dataclass(frozen=True)
class Parts:
    """A dataset cut in two by overlap groups: one side to train on, the other to judge by."""

    training: Dataset
    held_out: Dataset
    whole: Dataset


def cut(whole: Dataset, share: float) -> Parts:
    """Return the parts with about `share` of the images to train on; a group is never on both sides."""
    split = propose_split(whole.labels, whole.groups(), fractions=(share, 0.0, 1 - share), seed=0)
    return Parts(whole.take(split.train.tolist()), whole.take(split.test.tolist()), whole)


def as_images(data: Dataset, side: int = SIDE) -> Tensor:
    """Return (N, 1, side, side) gray images in [-1, 1]."""
    return torch.from_numpy(data.pixels((side, side), 1)).float()[:, None] / (data.white / 2) - 1


def at_size(images: Tensor) -> Tensor:
    """Return (N, 1, 64, 64) of generated images (N, C, H, W) of 64 pixels or a multiple: gray, averaged down."""
    return torch.nn.functional.adaptive_avg_pool2d(images.float().mean(1, keepdim=True), SIDE)


class Yardstick:
    """The held-out images of some classes, ready to be compared with.

    Args:
        parts: the dataset in two sides; their groups are those of the whole.
    """

    def __init__(self, parts: Parts) -> None:
        self.network = find_extractor("effnet-lite0")
        self.classes = parts.whole.classes
        numbers = dict(zip([s.file for s in parts.whole.samples], parts.whole.groups().tolist(), strict=True))
        sides = {}
        for name, data in (("training", parts.training), ("held out", parts.held_out)):
            groups = np.array([numbers[s.file] for s in data.samples])
            images = as_images(data)
            sides[name] = (self.network(images), scattering(images), groups, data.labels)
        every = np.concatenate([sides["training"][1], sides["held out"][1]])
        self.middle, self.scale = every.mean(0), every.std(0) + 1e-6
        self.real = {label: self._of(sides["held out"], code) for code, label in enumerate(self.classes)}
        self.training = {label: self._of(sides["training"], code) for code, label in enumerate(self.classes)}

    def _of(self, side: tuple[NDArray[Any], ...], code: int) -> tuple[Features, NDArray[np.int64]]:
        rows = side[3] == code
        return (side[0][rows], self._scaled(side[1][rows])), side[2][rows].astype(np.int64)

    def _scaled(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        scaled: NDArray[np.float32] = (features - self.middle) / self.scale
        return scaled

    def judge(self, made: dict[str, Tensor]) -> dict[str, Numbers]:
        """Return the numbers of each class of `made`, and of their mean as class ``mean``.

        Args:
            made: class -> (N, 1, 64, 64) in [-1, 1], N at least the class's held-out images.
        """
        found = {
            label: self._compare(label, (self.network(images), self._scaled(scattering(images))), None)
            for label, images in made.items()
        }
        return {**found, "mean": _mean(found)}

    def real_against_real(self) -> dict[str, Numbers]:
        """Return the same numbers of the real images of the training side in the place of generated ones."""
        found = {label: self._compare(label, *self.training[label]) for label in self.classes}
        return {**found, "mean": _mean(found)}

    def _compare(self, label: str, made: Features, groups: NDArray[np.int64] | None) -> Numbers:
        real, real_groups = self.real[label]
        count = len(real_groups)
        own = None if groups is None else groups[:count]
        out: Numbers = {}
        for name, share, x, y in zip(NAMES[:2], NAMES[2:4], real, made, strict=True):
            out[name] = kid(x, y, real_groups, groups)
            out[share] = density_coverage(x, y[:count], real_groups).coverage
        out["precision"] = precision_recall(real[0], made[0][:count], real_groups, own).precision
        return out


def _mean(found: dict[str, Numbers]) -> Numbers:
    return {name: float(np.mean([numbers[name] for numbers in found.values()])) for name in NAMES}
