"""Real images in the order and the mirroring that the seed decides.

An order is endless, and a function of the seed and the position in it alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from flawforge.core.arrays import Ints
from flawforge.core.images import Pixels, stacked_planes
from flawforge.core.progress import Progress
from flawforge.core.seeds import numpy_stream, torch_stream
from flawforge.data.dataset import Dataset
from flawforge.models.latents import draw_latents
from flawforge.models.native import NativeInputs
from flawforge.models.placed import PlacedInputs
from flawforge.training.processes.processes import ALONE, Processes
from flawforge.training.state.plan import TrainingPlan


class Batches(Protocol):
    """What a loop trains on; a batch is a function of (seed, step) alone, so that nothing has to be saved to go on."""

    @property
    def paired(self) -> bool:
        """Whether a class that comes in a batch comes twice there."""

    def at(self, step: int, device: torch.device) -> Tensor:
        """Return this process's part of the real batch of step number `step`, (N, C, H, W) in [-1, 1]."""

    def labels_at(self, step: int, device: torch.device) -> Tensor:
        """Return (N,) class numbers of the images of `at`."""

    def inputs_at(self, step: int, size: int, device: torch.device) -> Tensor | NativeInputs | PlacedInputs:
        """Return what the generator makes N images from, with latents of `size` numbers."""


class RealBatches:
    """Batches of real images, each a function of (seed, step) alone, so that nothing has to be saved to go on.

    The pixels are decoded once and kept as integers; a batch becomes float32 (N, C, H, W) in [-1, 1] when it is asked
    for.

    Args:
        pixels: (N, H, W) or (N, H, W, 3), uint8 or uint16.
        white: the integer that is +1.
        batch: images in a batch.
        seed: of the streams ``order`` and ``augmentation``.
        flip: the recipe's setting.
        labels: (N,) class numbers; None: all 0.
        processes: those that share the batch; `at` and `labels_at` give this one's part.
        order: which image is shown when; None: each equally often.
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
    ) -> None:
        channels_first = stacked_planes(pixels)
        wide = channels_first.astype(np.int32) if pixels.dtype == np.uint16 else channels_first.copy()
        self.pixels = torch.from_numpy(wide)  # older PyTorch cannot pick rows of 16 bits
        self.white, self.batch, self.seed, self.flip = white, batch, seed, flip
        self.labels = torch.zeros(len(pixels), dtype=torch.int64) if labels is None else torch.from_numpy(labels)
        self.processes = processes
        self.order = order or Order(len(pixels), seed)

    @property
    def paired(self) -> bool:
        """Whether a class that comes in a batch comes twice there."""
        return isinstance(self.order, PairedOrder)

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

    def inputs_at(self, step: int, size: int, device: torch.device) -> Tensor:
        """Return (batch, size) latents, what the generator makes images from in step number `step`."""
        positions = self.processes.mine([(step * self.batch + place,) for place in range(self.batch)])
        return draw_latents(self.seed, "latents", positions, size).to(device)


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
    return RealBatches(pixels, data.white, recipe.batch, seed, recipe.flip, labels, processes, order)


MIN_PAIRS = 16  # of an average class in a round: shares are kept to about a sixteenth
ROUND = 1024  # images of a round, in which each class comes so often as its share says


class Order:
    """An endless row of permutations of the images, one an epoch: each is shown as often as any other.

    Args:
        images: how many there are.
        seed: of the stream ``order``.
    """

    def __init__(self, images: int, seed: int) -> None:
        self.images, self.seed = images, seed
        self._latest: dict[tuple[int | str, ...], tuple[int, Ints]] = {}

    def indices(self, positions: Iterable[int]) -> list[int]:
        """Return the image that is shown at each position, from 0."""
        return [self._at(position) for position in positions]

    def _at(self, position: int) -> int:
        number, at = divmod(position, self.images)
        return int(self._permutation(self.images, (), number)[at])

    def _permutation(self, count: int, row: tuple[int | str, ...], number: int) -> Ints:
        """Return a permutation of a row of them, by its number; the latest one of each row is kept."""
        if row not in self._latest or self._latest[row][0] != number:
            drawn = torch.randperm(count, generator=torch_stream(self.seed, "order", *row, number))
            self._latest[row] = number, drawn.numpy()
        return self._latest[row][1]


def deal(shares: Iterable[float], size: int) -> Ints:
    """Return how often each class comes in a round of about `size` images, by its share; at least once."""
    wanted = np.array(list(shares)) * size
    often: Ints = np.maximum(1, np.floor(wanted).astype(np.int64))
    for code in np.argsort(np.floor(wanted) - wanted, kind="stable")[: max(0, size - int(often.sum()))]:
        often[code] += 1
    return often


class SharedOrder(Order):
    """An endless order in which each class has a share of its own.

    It goes in rounds, in each of which every class comes as often as its share says, at random positions; the images of
    a class come in an endless row of permutations of their own.

    Args:
        labels: (N,) class number of each image.
        shares: the share of each class; they add up to 1. A class comes at least once a round.
        seed: of the stream ``order``.
        size: about how many positions a round has.
    """

    stream = "round"

    def __init__(self, labels: Ints, shares: Iterable[float], seed: int, size: int = ROUND) -> None:
        super().__init__(len(labels), seed)
        self.often = deal(shares, size)
        self.members = [np.flatnonzero(labels == code) for code in range(len(self.often))]
        self.round = np.repeat(np.arange(len(self.often)), self.often)
        self._number, self._classes, self._turns = -1, self.round, self.round

    def _at(self, position: int) -> int:
        code, turn = self._class_and_turn(position)
        members = self.members[code]
        epoch, at = divmod(turn, len(members))
        return int(members[self._permutation(len(members), ("class", code), epoch)[at]])

    def _class_and_turn(self, position: int) -> tuple[int, int]:
        """Return the class at a position, and how often it has come before, counted through all rounds."""
        number, at = divmod(position, len(self.round))
        if number != self._number:
            shuffled = self.round[numpy_stream(self.seed, "order", self.stream, number).permutation(len(self.round))]
            turns = np.empty_like(shuffled)
            turns[np.argsort(shuffled, kind="stable")] = np.concatenate([number * n + np.arange(n) for n in self.often])
            self._number, self._classes, self._turns = number, shuffled, turns
        return int(self._classes[at]), int(self._turns[at])


class PairedOrder(SharedOrder):
    """An endless order in which a class that comes in a batch comes twice there, with two of its images.

    Two images of a class in one batch are what its diversity is seen by; where there are more classes than half a
    batch, other orders seldom have them. The rounds are of pairs; the pairs of a class go through its images in an
    endless row of permutations. The last image of an odd batch is one more of the class of the last pair: the one that
    its next pair begins with.

    Args:
        labels: (N,) class number of each image.
        shares: the share of each class; they add up to 1.
        batch: images in a batch.
        seed: of the stream ``order``.
    """

    stream = "pairs"

    def __init__(self, labels: Ints, shares: list[float], batch: int, seed: int) -> None:
        size = len(shares) * max(MIN_PAIRS, -(-ROUND // len(shares)))  # equal shares come out even
        super().__init__(labels, shares, seed, size)
        self.batch, self.pairs = batch, batch // 2
        self._laps: dict[int, tuple[int, Ints]] = {}

    def _at(self, position: int) -> int:
        step, in_batch = divmod(position, self.batch)
        pair = min(in_batch // 2, self.pairs - 1)
        code, pair_turn = self._class_and_turn(step * self.pairs + pair)
        members = self.members[code]
        lap, at = divmod(2 * pair_turn + in_batch - 2 * pair, len(members) * (1 + len(members) % 2))
        return int(members[self._lap(code, len(members), lap)[at]])

    def _lap(self, code: int, count: int, lap: int) -> Ints:
        """Return a permutation of an even number of images; of an odd number two, so that no pair is one image."""
        if count % 2 == 0:
            return self._permutation(count, ("class", code), lap)
        if code not in self._laps or self._laps[code][0] != lap:
            first, second = (self._permutation(count, ("class", code), 2 * lap + i).copy() for i in (0, 1))
            if count > 1 and first[-1] == second[0]:
                second[:2] = second[1::-1]
            self._laps[code] = lap, np.concatenate([first, second])
        return self._laps[code][1]


def make_order(
    labels: Ints, classes: int, balance: float, unlabelled: float, seed: int, batch: int | None = None
) -> Order:
    """Return the order for images of so many classes, and unlabelled ones, whose number is `classes`.

    Where all classes are equally large and nothing is unlabelled, it is the plain one.

    Args:
        labels: (N,) class numbers.
        classes: how many classes there are.
        balance: 0 shows each image equally often, 1 each class, between them shares go as counts to the power
            1 - balance.
        unlabelled: share of the unlabelled images, but never more than if each image came equally often.
        seed: of the stream ``order``.
        batch: images in a batch of which each class is to come twice if it comes, where there are more classes than
            half of it. None: it does not matter.
    """
    counts = np.bincount(labels, minlength=classes).astype(np.float64)
    known, unknown = counts[:classes], counts[classes:].sum()
    paired = batch is not None and classes > batch / 2
    if not paired and not unknown and (balance == 0 or len(np.unique(known)) == 1):
        return Order(len(labels), seed)
    share = min(unlabelled, unknown / counts.sum())
    weights = known ** (1 - balance)
    shares = [*(weights / weights.sum() * (1 - share)), *([share] if unknown else [])]
    if batch is not None and paired:
        return PairedOrder(labels, shares, batch, seed)
    return SharedOrder(labels, shares, seed)
