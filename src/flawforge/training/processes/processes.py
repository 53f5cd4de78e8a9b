"""Several processes that train one generator: each holds a part of every batch, all hold the same weights.

The gradients are averaged before each step of an optimiser, and what looks across the batch (batch norm, the minibatch
standard deviation, the diversity term, the adaptive augmentation) looks across the parts of all, so that the result is
that of one process with the whole batch, up to rounding. See docs/decisions/processes.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from flawforge.core.errors import SettingError
from flawforge.models.whole_batch import Gather
from flawforge.training.processes.device import resolve_device

Rows = TypeVar("Rows", Tensor, list[tuple[int]])


class Processes:
    """One process alone: it holds the whole batch, and every exchange gives back what it was given.

    `flawforge.training.processes.group.Group` is the form for several. Whatever exchanges is called by all processes,
    in the same order.

    Attributes:
        rank: this process's number, from 0.
        count: how many there are.
        across: brings the parts of all processes together, differentiably; None for one process.
    """

    rank, count = 0, 1
    across: Gather | None = None

    @property
    def first(self) -> bool:
        """Whether this process writes the files and speaks."""
        return self.rank == 0

    def mine(self, rows: Rows) -> Rows:
        """Return this process's part of the rows of a whole batch, in order."""
        each = len(rows) // self.count
        return rows[self.rank * each : (self.rank + 1) * each]

    def check_batch(self, batch: int) -> None:
        """Refuse a batch that cannot be dealt out evenly.

        Raises:
            SettingError: with the nearest batches that can.
        """
        if batch % self.count:
            below, above = batch // self.count * self.count, -(-batch // self.count) * self.count
            near = " or ".join(f"--batch {size}" for size in (below, above) if size)
            raise SettingError(
                f"a batch of {batch} images cannot be dealt out evenly to {self.count} processes (--batch counts the "
                f"images of all processes together). Give {near}, or start another number of processes."
            )

    def connect(self, device: str) -> torch.device:
        """Find the other processes, and return the device of this one.

        Raises:
            DeviceError: there is no such device here.
        """
        return resolve_device(device)

    def join(self, network: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        """Make `network` look across the whole batch, and `optimiser` step by the gradient of the whole batch."""

    def share(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite the tensors by those of the first process."""

    def tell(self, value: Any) -> Any:
        """Return the JSON value that the first process gives; what the others give does not matter."""
        return value

    def mean(self, tensor: Tensor) -> Tensor:
        """Return the mean of the tensor over all processes; it is the same, to the bit, in all of them."""
        return tensor

    def largest(self, number: int) -> int:
        """Return the largest of all processes' numbers. All wait here for the slowest."""
        return number

    def check_same(self, digest: str, what: str) -> None:
        """Compare a SHA-256 with the first process's.

        Raises:
            DataUnusableError: some process has another; `what` says of what.
        """


ALONE = Processes()
