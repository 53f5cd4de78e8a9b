"""Real images in the order and the mirroring that the seed decides."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from flawforge.core.arrays import Ints
from flawforge.core.images import Pixels
from flawforge.core.progress import Progress
from flawforge.core.seeds import torch_stream
from flawforge.data.dataset import Dataset
from flawforge.training.processes.processes import ALONE, Processes
from flawforge.training.setup.order import Order, PairedOrder, make_order
from flawforge.training.state.plan import TrainingPlan


class RealBatches:
    """Batches of real images, each a function of (seed, step) alone, so that nothing has to be saved to go on.

    Which image is shown when stands in `flawforge.training.setup.order`. The pixels are decoded once and kept as
    integers; a batch becomes float32 (N, C, H, W) in [-1, 1] when it is asked for.

    Args:
        pixels: (N, H, W) or (N, H, W, 3), uint8 or uint16.
        white: the integer that is +1.
        batch: images in a batch.
        seed: of the streams ``order`` and ``augmentation``.
        flip: the recipe's setting.
        labels: (N,) class numbers; None: all 0.
        processes: those that share the batch; `at` and `labels_at` give this one's part.
        order: which image is shown when; None: each equally often.
        known: how many of the images have a class; None: all.
    """

    def __init__(
        self,
        pixels: Pixels,
        white: int,
        batch: int,
        seed: int,
        flip: str,
        labels: Ints | None = None,
        processes: Processes = ALONE,
        order: Order | None = None,
        known: int | None = None,
    ) -> None:
        channels_first = pixels[:, None] if pixels.ndim == 3 else pixels.transpose(0, 3, 1, 2)
        wide = channels_first.astype(np.int32) if pixels.dtype == np.uint16 else channels_first.copy()
        self.pixels = torch.from_numpy(wide)  # older PyTorch cannot pick rows of 16 bits
        self.white, self.batch, self.seed, self.flip = white, batch, seed, flip
        self.labels = torch.zeros(len(pixels), dtype=torch.int64) if labels is None else torch.from_numpy(labels)
        self.processes = processes
        self.known = known if known is not None else len(pixels)
        self.order = order or Order(len(pixels), seed)

    @property
    def paired(self) -> bool:
        """Whether a class that comes in a batch comes twice there."""
        return isinstance(self.order, PairedOrder)

    def __len__(self) -> int:
        """Return the number of images that have a class: the length of an epoch."""
        return self.known

    def indices(self, step: int) -> Tensor:
        """Return (batch,) indices of the images that step number `step` (from 0) shows."""
        first = step * self.batch
        return torch.tensor(self.order.indices(range(first, first + self.batch)))

    def at(self, step: int, device: torch.device) -> Tensor:
        """Return the float32 batch (batch, C, H, W) of step number `step`."""
        images = self.pixels[self.processes.mine(self.indices(step))].to(device, non_blocking=True)
        images = images.float().div_(self.white / 2).sub_(1)
        return mirror(images, self.flip, torch_stream(self.seed, "augmentation", step), self.processes)

    def labels_at(self, step: int, device: torch.device) -> Tensor:
        """Return (batch,) class numbers of the images of `at`."""
        return self.labels[self.processes.mine(self.indices(step))].to(device)


def mirror(images: Tensor, flip: str, generator: torch.Generator, processes: Processes = ALONE) -> Tensor:
    """Mirror each image of (N, C, H, W) with probability 1/2 along each axis that `flip` names. The coins are thrown
    for the whole batch, of which this process has a part.
    """
    for word, axis in (("horizontal", 3), ("vertical", 2)):
        coins = processes.mine(torch.rand(len(images) * processes.count, generator=generator) < 0.5)
        if flip in (word, "both"):
            images = torch.where(coins.to(images.device)[:, None, None, None], images.flip(axis), images)
    return images


def real_batches(
    data: Dataset,
    pixels: Pixels,
    unlabelled: Dataset | None,
    plan: TrainingPlan,
    seed: int,
    processes: Processes,
    progress: Progress,
) -> RealBatches:
    """Return the batches of a training: of its images, whose `pixels` are given, and of unlabelled ones as one class
    more.
    """
    recipe, labels = plan.recipe, data.labels
    if unlabelled is not None:
        more = unlabelled.scaled_as(data).pixels(recipe.resolution, plan.channels, progress)
        pixels = np.concatenate([pixels, more])
        labels = np.concatenate([labels, np.full(len(more), len(data.classes))])
    batch = recipe.batch if recipe.knows_classes else None
    order = make_order(labels, len(data.classes), recipe.balance, recipe.unlabelled_share, seed, batch)
    return RealBatches(pixels, data.white, recipe.batch, seed, recipe.flip, labels, processes, order, len(data))
