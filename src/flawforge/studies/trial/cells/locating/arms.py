"""What each arm trains a locator on: the shots with their masks, and new images with theirs.

An arm of this task is registered in `flawforge.core.settings.arms` with `locates`; the function of its name here says
what it shows beside the real images. All arms take the same steps, batches and seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import nn

from flawforge.core.arrays import Arrays, Bools, Bytes, Ints
from flawforge.core.seeds import numpy_stream
from flawforge.core.settings.locators import LocatorSettings
from flawforge.data.augmentation.composition import Detail, compose
from flawforge.models.one_class import OneClassMap
from flawforge.studies.trial.cells.composing import BenchMaterial, as_bytes, choose_for
from flawforge.studies.trial.cells.locating.placed_images import placed_arrays
from flawforge.studies.trial.setup.bench import Bench
from flawforge.training.composition import Chosen, find_partners
from flawforge.training.locator.fit import MaskedImages, fit_locator
from flawforge.training.processes.device import resolve_device


@dataclass(frozen=True)
class MaskedExtra:
    """What an arm shows beside the real images.

    Attributes:
        material: None: nothing.
        policy: of the classical transforms; None takes the trial's.
        network: a network that is trained otherwise, in place of the locator; None: the locator is trained.
    """

    material: MaskedImages | None = None
    policy: str | None = None
    network: nn.Module | None = None


class LocatorArms:
    """Trains one repeat's locators.

    Args:
        bench: of the trial, with masks.
        shots: indices of the real images to train on.
        seed: of the locators; the same for all arms.
        model: the locator's name.
        composition: how images are composed of the shots; None chooses it when an arm asks for it.
        placed: what `placed_arrays` gives of these shots and this seed, by recipe; else it is made when an arm asks.
    """

    def __init__(
        self,
        bench: Bench,
        shots: Ints,
        seed: int,
        model: str,
        composition: Chosen | None = None,
        placed: Mapping[str, Arrays] | None = None,
    ) -> None:
        assert bench.masks is not None
        self.bench, self.shots, self.seed, self.composition = bench, shots, seed, composition
        self.placed: Mapping[str, Arrays] = placed or {}
        self.settings: LocatorSettings = bench.settings.locator(model)
        self.labels, self.masks = bench.dataset.labels[shots], bench.masks[shots]
        self.real = as_masked(bench.images[shots], self.masks, self.labels)

    def train(self, arm: str) -> nn.Module:
        """Return the trained network of an arm, which maps images to logits (N, 1, H, W)."""
        extra = EXTRAS[arm](self)
        if extra.network is not None:
            return extra.network
        update = {} if extra.policy is None else {"policy": extra.policy}
        settings, share = self.settings.model_copy(update=update), self.bench.settings.share
        return fit_locator(settings, self.real, self.seed, extra.material, share, resolve_device())


def as_masked(images: Bytes, masks: Bools, labels: Ints) -> MaskedImages:
    """Return images (M, C, H, W), masks (M, H, W) and classes (M,) as they are trained on."""
    return MaskedImages(torch.from_numpy(images), torch.from_numpy(masks), torch.from_numpy(labels))


EXTRAS: dict[str, Callable[[LocatorArms], MaskedExtra]] = {}


def locates(arm: str) -> Callable[[Callable[[LocatorArms], MaskedExtra]], Callable[[LocatorArms], MaskedExtra]]:
    """Register the function that says what an arm shows beside the real images."""

    def register(function: Callable[[LocatorArms], MaskedExtra]) -> Callable[[LocatorArms], MaskedExtra]:
        EXTRAS[arm] = function
        return function

    return register


@locates("real")
def _real(arms: LocatorArms) -> MaskedExtra:
    return MaskedExtra(policy="none")


@locates("classical")
def _classical(arms: LocatorArms) -> MaskedExtra:
    return MaskedExtra()


@locates("placebo")
def _placebo(arms: LocatorArms) -> MaskedExtra:
    """As many repeats of real images as other arms make: they are shown as often, and none is new."""
    draws, count = numpy_stream(arms.seed, "order", "placebo"), arms.bench.settings.made
    rows = [draws.choice(np.flatnonzero(arms.labels == code), count) for code in np.unique(arms.labels)]
    chosen = np.concatenate(rows)
    return MaskedExtra(as_masked(arms.bench.images[arms.shots[chosen]], arms.masks[chosen], arms.labels[chosen]))


def _made(name: str, arms: LocatorArms) -> MaskedImages:
    return as_masked(**(arms.placed.get(name) or placed_arrays(arms.bench, arms.shots, arms.seed, name)))


def _placed(name: str, arms: LocatorArms) -> MaskedExtra:
    return MaskedExtra(_made(name, arms))


for _name in ("copy-paste", "procedural", "placed"):
    locates(_name)(partial(_placed, _name))


@locates("placed-and-pasted")
def _both(arms: LocatorArms) -> MaskedExtra:
    """As many images of each as either arm alone shows: they are shown as often in all."""
    both = [_made(name, arms) for name in ("placed", "copy-paste")]
    parts = ([getattr(one, part) for one in both] for part in ("images", "masks", "labels"))
    return MaskedExtra(MaskedImages(*map(torch.cat, parts)))


class MaskedMaterial(BenchMaterial):
    """As `BenchMaterial`, with masks; a good image has none, so that two of them can be joined anyhow."""

    def __init__(self, arms: LocatorArms) -> None:
        super().__init__(arms.bench, arms.shots)
        self.masks = arms.masks

    def _read(self, row: int) -> Detail:
        mask = self.masks[row]
        return Detail(super()._read(row).pixels, mask if mask.any() else None)


@locates("compose")
def _compose(arms: LocatorArms) -> MaskedExtra:
    chosen = arms.composition or choose_for(arms.bench, arms.shots)
    material, classes = MaskedMaterial(arms), arms.bench.dataset.classes
    images, masks, codes = [], [], []
    for code in np.unique(arms.labels).tolist():
        rows, label = material.sources(classes[code]), classes[code]
        sources, partners = [material[row] for row in rows], find_partners(material, rows, chosen.fixed)
        for number in range(arms.bench.settings.made):
            rng = numpy_stream(arms.seed, "augmentation", "compose", label, number)
            lights, turns = material.donors(label).lights, chosen.symmetries[label]
            found = compose(sources, lights, chosen.how, turns, rng, partners)
            images.append(as_bytes(found.pixels))
            masks.append(np.zeros(arms.masks.shape[1:], bool) if found.mask is None else found.mask)
            codes.append(code)
    return MaskedExtra(as_masked(np.stack(images), np.stack(masks), np.array(codes, np.int64)))


@locates("one-class")
def _one_class(arms: LocatorArms) -> MaskedExtra:
    """The memory bank is filled from the good shots alone, whatever the model."""
    network = OneClassMap().to(resolve_device())
    good = torch.from_numpy(arms.bench.images[arms.shots[arms.labels == arms.bench.good_number]])
    network.remember(good.to(resolve_device()), arms.seed)
    return MaskedExtra(network=network.eval())
