"""Several processes, connected: over gloo for what is on the processor, over NCCL for what is on GPUs."""

from __future__ import annotations

import itertools
import json
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from flawforge.core.errors import DataUnusableError, DeviceError, ProcessLostError, SettingError
from flawforge.core.launch import Launch, launched, stand_back
from flawforge.models.whole_batch import span
from flawforge.training.processes.device import resolve_device
from flawforge.training.processes.processes import ALONE, Processes

PATIENCE = timedelta(minutes=10)  # that a process waits for another: reading data, writing a checkpoint

_numbers = itertools.count()  # of the trainings in this process: each has its own keys in the launcher's store


class Group(Processes):
    """One process among several. `connect` comes first, `close` last.

    Args:
        launch: from `flawforge.core.launch.launched`.
    """

    def __init__(self, launch: Launch) -> None:
        self.launch, self.rank, self.count = launch, launch.rank, launch.count
        self.across = self._gather
        self._connected = False
        from torch.distributed.distributed_c10d import PrefixStore  # builds without torch.distributed lack both
        from torch.distributed.rendezvous import rendezvous

        with _answered():
            store, _, _ = next(rendezvous("env://", launch.rank, launch.count, timeout=PATIENCE))
        self.store = PrefixStore(f"flawforge-{next(_numbers)}", store)

    def connect(self, device: str) -> torch.device:
        where = self._device(device)
        if dist.is_initialized():
            raise SettingError(
                "this program has a process group of torch.distributed already. flawforge.train makes its own: call "
                "it before torch.distributed.init_process_group, or after destroy_process_group."
            )
        if where.type == "cuda":
            torch.cuda.set_device(where)
        with _answered():
            dist.init_process_group(
                "cpu:gloo,cuda:nccl" if where.type == "cuda" else "gloo",
                store=self.store,
                rank=self.rank,
                world_size=self.count,
                timeout=PATIENCE,
            )
            self._connected = True
            self.largest(0)
        return where

    def join(self, network: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        span(network, self._gather)
        optimiser.register_step_pre_hook(lambda *_: self._average_gradients(optimiser))

    def share(self, tensors: Iterable[Tensor]) -> None:
        with _answered(), torch.no_grad():
            for tensor in tensors:
                dense = tensor.contiguous()
                dist.broadcast(dense, 0)
                tensor.copy_(dense)

    def tell(self, value: Any) -> Any:
        text = torch.frombuffer(bytearray(json.dumps(value).encode() if self.first else b"\0"), dtype=torch.uint8)
        length = self.largest(len(text) if self.first else 0)
        text = text if self.first else torch.empty(length, dtype=torch.uint8)
        self.share([text])
        return json.loads(text.numpy().tobytes())

    def mean(self, tensor: Tensor) -> Tensor:
        total = tensor.detach().clone(memory_format=torch.contiguous_format)
        with _answered():
            dist.all_reduce(total)
        return total / self.count

    def largest(self, number: int) -> int:
        value = torch.tensor(number)
        with _answered():
            dist.all_reduce(value, dist.ReduceOp.MAX)
        return int(value)

    def check_same(self, digest: str, what: str) -> None:
        all_of_them = self._gather(torch.tensor([int(digest[i : i + 8], 16) for i in range(0, len(digest), 8)]))
        others = [rank for rank, row in enumerate(all_of_them) if not row.equal(all_of_them[0])]
        if others:
            raise DataUnusableError(
                f"{what} differ between process 0 and process {others[0]}. Every computer needs the same folder."
            )

    def close(self, error: BaseException | None) -> None:
        """Leave the group. When several processes end by one problem, one of them tells it.

        Raises:
            OtherProcessError: instead of `error`, in the processes that do not tell it.
        """
        if error is not None and threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):  # torchrun sends them as soon as one process has ended
                signal.signal(number, signal.SIG_IGN)
        silent = error is not None and not self._tells()
        if self._connected and (error is None or dist.get_backend() == "gloo"):  # NCCL's can wait for the lost
            dist.destroy_process_group()
        if silent:
            stand_back(error)

    def _tells(self) -> bool:
        try:
            return int(self.store.add("failed", 1)) == 1
        except RuntimeError:  # the launcher is gone, and with it whoever could tell
            return True

    def _device(self, name: str) -> torch.device:
        if name not in ("auto", "cuda"):
            where = resolve_device(name)
            if where.type == "cuda":
                raise DeviceError(
                    f"--device {name} names one GPU for {self.count} processes. Give --device cuda: each process "
                    f"takes a GPU of its own."
                )
            return where
        seen = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if name == "auto" and not seen:
            return torch.device("cpu")
        if seen and self.launch.local >= seen:
            raise DeviceError(
                f"there are more processes on this computer than GPUs ({seen}); each needs one of its own. Start with "
                f"--nproc-per-node {seen}, or give --device cpu."
            )
        return resolve_device(f"cuda:{self.launch.local}")

    def _gather(self, tensor: Tensor) -> Tensor:
        out: Tensor = _Gather.apply(tensor, self.rank, self.count)  # type: ignore[no-untyped-call]
        return out

    @torch.no_grad()
    def _average_gradients(self, optimiser: torch.optim.Optimizer) -> None:
        """Average all gradients in one exchange. A weight has a gradient in all processes or in none."""
        weights = [weight for group in optimiser.param_groups for weight in group["params"]]
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        average = self.mean(torch.cat([gradient.reshape(-1) for gradient in gradients]))
        parts = torch.split(average, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view(gradient.shape))


class _Gather(torch.autograd.Function):
    """Any tensor to (processes, *shape). Each process's loss depends on what all gave: gradients are summed."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, rank: int, count: int) -> Tensor:
        ctx.rank = rank
        out = tensor.new_empty((count, *tensor.shape))
        with _answered():
            dist.all_gather(list(out.unbind(0)), tensor.contiguous())
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return _Sum.apply(gradients[0])[ctx.rank], None, None  # type: ignore[no-untyped-call]


class _Sum(torch.autograd.Function):
    """The sum over all processes; it stands apart so that gradients of gradients are right too."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        total = tensor.clone(memory_format=torch.contiguous_format)
        with _answered():
            dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        out: Tensor = _Sum.apply(gradients[0])  # type: ignore[no-untyped-call]
        return out


@contextmanager
def start_processes() -> Iterator[Processes]:
    """Give the processes that train together: this one alone, unless torchrun started several.

    Raises:
        ProcessLostError: another one ended, or does not answer.
    """
    launch = launched()
    if launch.count == 1:
        yield ALONE
        return
    if not dist.is_available():
        raise DeviceError("this build of PyTorch has no torch.distributed, so several processes cannot train together.")
    group = Group(launch)
    try:
        yield group
    except BaseException as error:
        group.close(error)
        raise
    group.close(None)


@contextmanager
def _answered() -> Iterator[None]:
    """Explain what PyTorch raises when a process cannot be reached."""
    try:
        yield
    except RuntimeError as error:
        minutes = PATIENCE.total_seconds() / 60
        raise ProcessLostError(
            f"another process of this training ended without a word (killed, perhaps for memory), or the network "
            f"between them failed, or it did not answer for {minutes:.0f} minutes. The newest checkpoint is whole: "
            f"start again with the same command and --resume. PyTorch says: {str(error).splitlines()[0]}"
        ) from error
