"""Training of a network that says where a defect is, on real images with masks, and on new ones beside them.

As for classifiers, every arm of a trial comes through here with the same settings: what differs is what the images are,
and how many of a batch are new.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flawforge.core.seeds import derive, numpy_stream
from flawforge.core.settings.locators import LocatorSettings
from flawforge.data.augmentation.transforms import ClassicalTransforms
from flawforge.models.locators import DenseHead, UNet, build_locator
from flawforge.training.classifier.descent import Descent
from flawforge.training.classifier.labelled_images import as_unit_floats, balanced_order, in_equal_batches
from flawforge.training.processes.device import resolve_precision

BEST = {"unet": (2e-3, 0.05), "effnet-dense": (5e-3, 0.05)}  # lr, weight decay
FROZEN = "effnet-dense"  # whose maps are worked out once
OWN = (1e-3, 0.05)  # of a user's network
WARM_UP = 0.1  # of the steps, in which the step size rises
WINDOWS = 2  # of half the side, that a network which is trained as a whole sees of an image
SMALLEST_WINDOW = 32
VIEWS = 240  # changed images of each kind whose frozen maps are worked out once
BATCH = 12  # images that are looked at or judged at a time


@dataclass(frozen=True)
class MaskedImages:
    """Images and where their defects are.

    Attributes:
        images: (N, C, H, W) uint8, 0 to 255.
        masks: (N, H, W) bool, True on a defect of any class.
        labels: (N,) int64 classes, which come in turn; a good image has one too.
    """

    images: Tensor
    masks: Tensor
    labels: Tensor

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images)


class MaskedBatches:
    """Batches of changed images and masks of one kind, in an order that is fixed beforehand: class-balanced, and where
    there are images without a defect, these are every other one, for most of what is tested on is ground.

    Args:
        shown: the images.
        kind: ``real`` or ``generated``; addresses the random numbers, so that neither kind disturbs the other.
        size: images of this kind in each step.
        settings: of the training.
        seed: of the training.
        device: where the batches are wanted.
    """

    def __init__(
        self, shown: MaskedImages, kind: str, size: int, settings: LocatorSettings, seed: int, device: torch.device
    ) -> None:
        self.kind, self.size = kind, size
        self.images, self.masks = shown.images.to(device), shown.masks.to(device)
        self.transforms = ClassicalTransforms(settings.transforms, seed)
        draws = numpy_stream(seed, "order", "classifier", kind)
        self.order = torch.empty(settings.steps * size, dtype=torch.int64)
        marked = shown.masks.any(2).any(1)
        kinds = [rows for rows in (marked.nonzero()[:, 0], (~marked).nonzero()[:, 0]) if len(rows)]
        for turn, rows in enumerate(kinds):
            places = self.order[turn :: len(kinds)]
            places.copy_(rows[balanced_order(shown.labels[rows], len(places), draws)])
        self.order = self.order.to(device)

    def take(self, step: int) -> tuple[Tensor, Tensor]:
        """Return the images of a step, (size, C, H, W) in [-1, 1], and their masks (size, 1, H, W) in [0, 1]."""
        rows = self.order[step * self.size : (step + 1) * self.size]
        masks = self.masks[rows, None].float()
        return self.transforms.with_masks(as_unit_floats(self.images[rows]), masks, self.kind, step)


class MapBatches:
    """As `MaskedBatches`, but images are changed `VIEWS` times before the training and only their frozen maps stay."""

    def __init__(self, batches: MaskedBatches, network: DenseHead, steps: int) -> None:
        self.size = batches.size
        looks = min(-(-VIEWS // self.size), steps)
        taken = [batches.take(step) for step in range(looks)]
        looked = [network.maps(images) for images, _ in taken]
        self.maps = [torch.cat(parts).bfloat16() for parts in zip(*looked, strict=True)]
        self.masks = torch.cat([masks for _, masks in taken])
        self.looks = looks

    def take(self, step: int) -> tuple[list[Tensor], Tensor]:
        """Return the maps of a step and the masks."""
        start = step % self.looks * self.size
        rows = slice(start, start + self.size)
        return [found[rows].float() for found in self.maps], self.masks[rows]


def fit_locator(
    settings: LocatorSettings,
    real: MaskedImages,
    seed: int,
    extra: MaskedImages | None = None,
    share: float = 0.0,
    device: torch.device | None = None,
) -> nn.Module:
    """Train a locator and return it, in evaluation mode.

    Every step shows `settings.batch` images, of which `round(share * batch)` are of `extra`; both kinds are drawn
    class-balanced. The loss is binary cross-entropy over all pixels plus 1 minus the mean soft Dice coefficient of the
    images (Milletari et al. 2016, 1606.04797, equation 3), as nnU-Net has it (Isensee et al. 2021). The result is a
    function of the arguments.

    Args:
        settings: the same in all arms.
        real: the real images.
        seed: of the first weights, the order and the transforms.
        extra: images that stand beside the real ones; for a placebo, repeats of these.
        share: their part of every batch, 0 to 1.
        device: None is the CPU.

    Raises:
        SettingError: an unknown model or policy. TrainingDivergedError: the loss is no longer a number.
    """
    device = device or torch.device("cpu")
    count = 0 if extra is None else math.floor(share * settings.batch + 0.5)
    sizes = {"real": settings.batch - count, "generated": count}
    channels, height, width = real.images.shape[1:]
    network = build_locator(settings.model, channels, (height, width), seed).to(device)
    batches = [
        MaskedBatches(shown, kind, sizes[kind], settings, seed, device)
        for kind, shown in (("real", real), ("generated", extra))
        if shown is not None and sizes[kind]
    ]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "augmentation", "dropout"))
        if isinstance(network, DenseHead):
            looked = [MapBatches(batch, network, settings.steps) for batch in batches]
            network.standardise([found.float() for found in looked[0].maps])

            def maps(step: int) -> tuple[Tensor, Tensor]:
                parts = [batch.take(step) for batch in looked]
                joined = [torch.cat(found) for found in zip(*(found for found, _ in parts), strict=True)]
                return network.head(joined, (height, width)), torch.cat([masks for _, masks in parts])

            return _train(network, maps, settings, device)

        def pixels(step: int) -> tuple[Tensor, Tensor]:
            parts = [batch.take(step) for batch in batches]
            shown, masks = (torch.cat(found) for found in zip(*parts, strict=True))
            forward: Callable[[Tensor], Tensor] = network
            if isinstance(network, UNet):  # a window is prepared as a part of its image
                draws = numpy_stream(seed, "order", "windows", step)
                shown, masks = windows(network.prepare(shown), masks, WINDOWS, draws)
                forward = network.body
            return forward(shown.contiguous(memory_format=torch.channels_last)), masks

        return _train(network, pixels, settings, device)


def _train(
    network: nn.Module, forward: Callable[[int], tuple[Tensor, Tensor]], settings: LocatorSettings, device: torch.device
) -> nn.Module:
    descent = Descent(network, settings.steps, *BEST.get(settings.model, OWN), WARM_UP)
    bfloat16 = resolve_precision("auto", device) == "bfloat16"
    for step in range(settings.steps):
        with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
            logits, masks = forward(step)
        descent.take(location_loss(logits.float(), masks))
    descent.check(f"the locator '{settings.model}' is no longer a number.")
    return network.eval()


def windows(images: Tensor, masks: Tensor, count: int, draws: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Cut `count` windows of half the side, 32 pixels at least, out of each image, every other one around a pixel that
    is marked, where there is one: most of a step would else be spent on ground (as nnU-Net does it).

    Args:
        images: (N, C, H, W). masks: (N, 1, H, W).
        count: windows of an image.
        draws: where the places come from.

    Returns:
        (count * N, C, h, w) and (count * N, 1, h, w).
    """
    sides = images.shape[2:]
    size = [min(side, max(SMALLEST_WINDOW, side // 2)) for side in sides]
    cut: list[Tensor] = []
    both = torch.cat([images, masks], 1)
    for number in range(count):
        for image in both:
            start = [int(draws.integers(side - part + 1)) for side, part in zip(sides, size, strict=True)]
            marked = (image[-1] > 0.5).nonzero() if number % 2 == 0 else image.new_zeros(0, 2)
            if len(marked):
                middle = marked[int(draws.integers(len(marked)))].tolist()
                moved = [at - int(draws.integers(part)) for at, part in zip(middle, size, strict=True)]
                start = [min(max(at, 0), side - part) for at, side, part in zip(moved, sides, size, strict=True)]
            cut.append(image[:, start[0] : start[0] + size[0], start[1] : start[1] + size[1]])
    found = torch.stack(cut)
    return found[:, :-1], found[:, -1:]


def location_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """Return binary cross-entropy plus 1 minus the mean of each image's soft Dice, (N, 1, H, W) both: over a batch as
    one, large defects alone would count.
    """
    chances, of_image = logits.sigmoid(), (1, 2, 3)
    above, below = 2 * (chances * masks).sum(of_image) + 1, (chances + masks).sum(of_image) + 1
    return F.binary_cross_entropy_with_logits(logits, masks) + 1 - (above / below).mean()


def predict_maps(network: nn.Module, images: Tensor) -> Tensor:
    """Return (N, H, W) float32 chances of a defect on the CPU; an image's map depends on it alone.

    Args:
        network: as `fit_locator` returns it.
        images: (N, C, H, W) uint8.
    """
    device = next(iter(network.state_dict().values())).device
    network.eval()
    return in_equal_batches(images, BATCH, device, lambda shown: network(shown)[:, 0].float().sigmoid())
