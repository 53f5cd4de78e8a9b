"""The convolutions of a training step, each kind timed alone: what a step is measured against."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from machine import timed

CALLS = (torch.ops.aten.convolution.default, torch.ops.aten.convolution_backward.default)
ROUNDS = 10


@dataclass
class Convolution:
    """Calls of one kind: direction, shapes, layout, number format and settings are the same."""

    call: Callable[..., Any]
    arguments: tuple[Any, ...]
    count: int = 0
    seconds: float = float("inf")  # of one call alone, the shortest of ten

    def __str__(self) -> str:
        """Return shapes and number format."""
        tensors = [one for one in self.arguments[:3] if isinstance(one, Tensor)]
        way = "backward" if self.call is CALLS[1] else "forward"
        shapes = " ".join("x".join(map(str, one.shape)) for one in tensors if one.dim() == 4)
        return f"{way} {shapes}, {str(tensors[0].dtype).removeprefix('torch.')}"

    def gflop(self) -> float:
        """Return the GFLOP of one call."""
        with FlopCounterMode(display=False) as counter:
            self.call(*self.arguments)
        return float(counter.get_total_flops()) / 1e9


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes the convolutions that are done within it, of both directions, with arguments laid out as theirs."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen: dict[tuple[Any, ...], Convolution] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Do it."""
        if func in CALLS:
            key = (func, *(_kind(one) for one in args))
            if key not in self.seen:
                own = [one.detach().clone() if isinstance(one, Tensor) else one for one in args]  # strides stay
                self.seen[key] = Convolution(func, tuple(own))
            self.seen[key].count += 1
        return func(*args, **(kwargs or {}))


def _kind(argument: Any) -> object:
    if isinstance(argument, Tensor):
        return tuple(argument.shape), argument.stride(), argument.dtype
    return str(argument)


@torch.no_grad()
def convolutions(step: Callable[[int], float], clock: Callable[[], float]) -> tuple[Convolution, float, float]:
    """Return the kind that does most of a step's work, its GFLOP/s alone, and the seconds of all convolutions of a
    step, each kind alone.

    Args:
        step: makes a step of this number.
        clock: what seconds are read from.
    """
    with torch.enable_grad(), Recorder() as recorder:
        step(0)
    kinds = list(recorder.seen.values())
    for kind in kinds:
        kind.seconds = min(timed(lambda one=kind: one.call(*one.arguments), clock) for _ in range(ROUNDS))  # type: ignore[misc]
    most = max(kinds, key=lambda one: one.count * one.gflop())
    return most, most.gflop() / most.seconds, sum(one.count * one.seconds for one in kinds)
