"""Which real image is shown when: an endless order that is a function of the seed and the place in it alone."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from flawforge.core.seeds import numpy_stream, torch_stream

Ints = NDArray[np.int64]
ROUND = 1024  # images of a round, in which each class comes so often as its share says


class Order:
    """An endless row of permutations of the images, one an epoch: each is shown as often as any other.

    Args:
        images: how many there are.
        seed: of the stream ``order``.
    """

    def __init__(self, images: int, seed: int) -> None:
        self.images, self.seed = images, seed
        self._kept: dict[tuple[int | str, ...], Ints] = {}

    def indices(self, places: Iterable[int]) -> list[int]:
        """Return the image that is shown at each place, from 0."""
        return [int(self._permutation(self.images, p // self.images)[p % self.images]) for p in places]

    def _permutation(self, count: int, *address: int | str) -> Ints:
        """Return permutation number `address[-1]` of a row; the last one of each row is kept."""
        row = address[:-1]
        if (kept := self._kept.get((*row, "number"))) is None or int(kept[0]) != address[-1]:
            import torch

            drawn = torch.randperm(count, generator=torch_stream(self.seed, "order", *address))
            self._kept[row], self._kept[(*row, "number")] = drawn.numpy(), np.array([address[-1]])
        return self._kept[row]


class SharedOrder(Order):
    """An endless order in which each class has a share of its own.

    It goes in rounds of 1,024 images, in each of which every class comes as often as its share says, at random places;
    the images of a class come in an endless row of permutations of their own.

    Args:
        labels: (N,) class number of each image.
        shares: the share of each class; they add up to 1. A class comes at least once a round.
        seed: of the stream ``order``.
    """

    def __init__(self, labels: Ints, shares: Iterable[float], seed: int) -> None:
        super().__init__(len(labels), seed)
        wanted = np.array(list(shares)) * ROUND
        self.often = np.maximum(1, np.floor(wanted).astype(np.int64))
        for code in np.argsort(np.floor(wanted) - wanted, kind="stable")[: max(0, ROUND - int(self.often.sum()))]:
            self.often[code] += 1
        self.members = [np.flatnonzero(labels == code) for code in range(len(self.often))]
        self.round = np.repeat(np.arange(len(self.often)), self.often)
        self._number, self._classes, self._turns = -1, self.round, self.round

    def indices(self, places: Iterable[int]) -> list[int]:
        """Return the image that is shown at each place, from 0."""
        return [self._at(*divmod(place, len(self.round))) for place in places]

    def _at(self, number: int, place: int) -> int:
        if number != self._number:
            shuffled = self.round[numpy_stream(self.seed, "order", "round", number).permutation(len(self.round))]
            turns = np.zeros_like(shuffled)
            for code, often in enumerate(self.often):
                turns[shuffled == code] = number * often + np.arange(often)
            self._number, self._classes, self._turns = number, shuffled, turns
        code, turn = int(self._classes[place]), int(self._turns[place])
        members = self.members[code]
        epoch, at = divmod(turn, len(members))
        return int(members[self._permutation(len(members), "class", code, epoch)[at]])


def make_order(labels: Ints, classes: int, balance: float, unlabelled: float, seed: int) -> Order:
    """Return the order for images of so many classes, and unlabelled ones, whose number is `classes`.

    Where all classes are equally large and nothing is unlabelled, it is the plain one.

    Args:
        labels: (N,) class numbers.
        classes: how many classes there are.
        balance: 0 shows each image equally often, 1 each class, between them shares go as counts to the power
            1 - balance.
        unlabelled: share of the unlabelled images, but never more than if each image came equally often.
        seed: of the stream ``order``.
    """
    counts = np.bincount(labels, minlength=classes).astype(np.float64)
    known, unknown = counts[:classes], counts[classes:].sum()
    if not unknown and (balance == 0 or len(np.unique(known)) == 1):
        return Order(len(labels), seed)
    share = min(unlabelled, unknown / counts.sum())
    weights = known ** (1 - balance)
    shares = [*(weights / weights.sum() * (1 - share)), *([share] if unknown else [])]
    return SharedOrder(labels, shares, seed)
