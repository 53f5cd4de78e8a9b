"""What a classifier is shown: how many real and generated images in each step, and which ones."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from flawforge.core.arrays import Ints
from flawforge.core.errors import SettingError


def generated_counts(steps: int, batch: int, *, share: float, pretrain: float = 0.0, falls_from: float = 1.0) -> Ints:
    """Return (steps,) numbers of generated images in each step; the other images of the batch are real.

    Args:
        steps: optimiser steps.
        batch: images in each.
        share: generated images' part of a batch, 0 to 1, rounded to whole images.
        pretrain: part of the steps, 0 to 1, that come first and show generated images alone.
        falls_from: part of the steps after which the share falls linearly to 0 at the last step; 1: it stays.

    Raises:
        SettingError: a part is outside 0 to 1.
    """
    for name, value in (("share", share), ("pretrain", pretrain), ("share-falls-from", falls_from)):
        if not 0 <= value <= 1:
            raise SettingError(f"{name} is {value}; it is a part, from 0 to 1.")
    done = np.arange(1, steps + 1) / steps
    falling = np.clip((1 - done) / (1 - falls_from), 0, 1) if falls_from < 1 else np.ones(steps)
    counts = np.floor(share * falling * batch + 0.5).astype(np.int64)
    counts[: round(pretrain * steps)] = batch
    return counts


def balanced_order(labels: Tensor, count: int, draws: np.random.Generator) -> Tensor:
    """Return (count,) indices of images to show one after the other, every class equally often.

    Classes come in permutations of those that are there, and so do the images within a class: in any K consecutive
    places counted from the first each of K classes comes once, and no image of a class comes again before all have.

    Args:
        labels: (N,) class numbers, or (N, K) of which the largest decides.
        count: how many indices.
        draws: where the random numbers come from.
    """
    if count == 0:
        return torch.empty(0, dtype=torch.int64)
    codes = (labels if labels.ndim == 1 else labels.argmax(1)).cpu().numpy()
    present = np.unique(codes)
    rounds = -(-count // len(present))
    sequence = np.concatenate([draws.permutation(len(present)) for _ in range(rounds)])[:count]
    order = np.empty(count, dtype=np.int64)
    for place, code in enumerate(present):
        members = np.flatnonzero(codes == code)
        here = np.flatnonzero(sequence == place)
        laps = max(1, -(-len(here) // len(members)))
        shuffled = np.concatenate([draws.permutation(members) for _ in range(laps)])
        order[here] = shuffled[: len(here)]
    return torch.from_numpy(order)
