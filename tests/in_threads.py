"""Processes in play: threads of this process that exchange as a group does, in any number format, without a network."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from flawforge.models.whole_batch import span
from flawforge.training.processes.processes import Processes


class Board:
    """Where the threads lay what they give."""

    def __init__(self, count: int) -> None:
        self.slots: list[Any] = [None] * count
        self.barrier = threading.Barrier(count, timeout=60)

    def exchange(self, rank: int, value: Any) -> list[Any]:
        self.slots[rank] = value
        self.barrier.wait()
        given = list(self.slots)
        self.barrier.wait()
        return given


class Threaded(Processes):
    def __init__(self, rank: int, count: int, board: Board) -> None:
        self.rank, self.count, self.board = rank, count, board
        self.across = lambda tensor: _Gather.apply(tensor, rank, board)

    def join(self, network: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        assert self.across is not None
        span(network, self.across)
        self.hook(optimiser)

    def hook(self, optimiser: torch.optim.Optimizer) -> None:
        optimiser.register_step_pre_hook(lambda *_: self._average(optimiser))

    def mean(self, tensor: Tensor) -> Tensor:
        return torch.stack(self.board.exchange(self.rank, tensor.detach().clone())).mean(0)

    def largest(self, number: int) -> int:
        return int(max(self.board.exchange(self.rank, number)))

    def tell(self, value: Any) -> Any:
        return self.board.exchange(self.rank, value)[0]

    @torch.no_grad()
    def share(self, tensors: Iterable[Tensor]) -> None:
        for tensor in tensors:
            tensor.copy_(self.board.exchange(self.rank, tensor.detach().clone())[0])

    def _average(self, optimiser: torch.optim.Optimizer) -> None:
        for weight in optimiser.param_groups[0]["params"]:
            if weight.grad is not None:
                weight.grad.copy_(self.mean(weight.grad))


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor, rank: int, board: Board) -> Tensor:
        ctx.rank, ctx.board = rank, board
        return torch.stack(board.exchange(rank, tensor.detach().clone()))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return torch.stack(ctx.board.exchange(ctx.rank, gradients[0])).sum(0)[ctx.rank], None, None


def in_threads(count: int, work: Callable[[Processes], Any]) -> list[Any]:
    """Do `work` as `count` processes would, and return what each returned."""
    board, out, errors = Board(count), [None] * count, []

    def one(rank: int) -> None:
        try:
            out[rank] = work(Threaded(rank, count, board))
        except BaseException as error:
            errors.append(error)
            board.barrier.abort()

    threads = [threading.Thread(target=one, args=(rank,)) for rank in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise next((e for e in errors if not isinstance(e, threading.BrokenBarrierError)), errors[0])
    return out
