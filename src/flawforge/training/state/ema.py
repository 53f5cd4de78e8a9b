"""The moving average of the generator that images are made from."""

from __future__ import annotations

import copy

import torch
from torch import nn

RAMP = 0.05  # while training is young, the half-life is this share of what has been shown


class MovingAverage:
    """An exponential moving average of a network's weights and batch-norm statistics.

    The half-life is given in images shown, not steps, and grows from 0 (Karras et al. 2020, 1912.04958, whose
    official code ramps it in the same way), so that the first pictures do not show the initial noise.

    Args:
        network: the network that is trained; `average` is a copy of it in evaluation mode.
        half_life_kimg: thousand images after which a weight counts half; 0 keeps an equal copy.
    """

    def __init__(self, network: nn.Module, half_life_kimg: float) -> None:
        self.network = network
        self.half_life = half_life_kimg * 1000
        self.average = copy.deepcopy(network).eval().requires_grad_(False)

    def decay(self, shown: int, batch: int) -> float:
        """Return the weight of the old average when `shown` images have been shown, `batch` of them in this step."""
        half_life = min(self.half_life, shown * RAMP)
        return 0.5 ** (batch / half_life) if half_life > 0 else 0.0

    @torch.no_grad()
    def update(self, shown: int, batch: int) -> None:
        """Move the average towards the network's present state."""
        keep = self.decay(shown, batch)
        for old, new in zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True):
            if old.is_floating_point():
                old.lerp_(new, 1 - keep)
            else:
                old.copy_(new)
