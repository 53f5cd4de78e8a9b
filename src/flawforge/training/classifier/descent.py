"""The steps by which an inspection model learns: AdamW, whose step size rises and then falls along a cosine."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from flawforge.core.errors import TrainingDivergedError


class Descent:
    """A network on its way down a loss. It is put into training mode, and its weights in the order that is fastest.

    Args:
        network: where its weights are to be.
        steps: of the training.
        lr: the largest step size. decay: of weights. warm_up: part of the steps in which the step size rises.
    """

    def __init__(self, network: nn.Module, steps: int, lr: float, decay: float, warm_up: float) -> None:
        network.train()
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.steps, self.lr, self.warm_up, self.taken = steps, lr, warm_up, 0
        self._optimiser = torch.optim.AdamW(parameter_groups(network, decay), foreach=True)
        self._total: float | Tensor = 0.0

    def take(self, loss: Tensor) -> None:
        """Take the next step."""
        for group in self._optimiser.param_groups:
            group["lr"] = self.lr * step_size(self.taken, self.steps, self.warm_up)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimiser.step()
        self._total += loss.detach()
        self.taken += 1

    def check(self, what: str) -> None:
        """Refuse a network whose losses were not all numbers. Looked at once: it makes a graphics card wait.

        Raises:
            TrainingDivergedError: so it was; `what` follows the words "the loss of".
        """
        if not math.isfinite(float(self._total)):
            raise TrainingDivergedError(f"the loss of {what}")


def parameter_groups(network: nn.Module, decay: float) -> list[dict[str, object]]:
    """Return AdamW's groups: weights, which decay, and norms and biases, which do not."""
    trained = [weight for weight in network.parameters() if weight.requires_grad]
    return [
        {"params": [weight for weight in trained if weight.ndim > 1], "weight_decay": decay},
        {"params": [weight for weight in trained if weight.ndim <= 1], "weight_decay": 0.0},
    ]


def step_size(step: int, steps: int, warm_up: float) -> float:
    """Return the step size's factor: up over the first part, then down to 0 along a cosine."""
    done = (step + 0.5) / steps
    return done / warm_up if done < warm_up else 0.5 + 0.5 * math.cos(math.pi * (done - warm_up) / (1 - warm_up))
