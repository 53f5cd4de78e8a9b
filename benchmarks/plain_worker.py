"""The plain loop in a process of its own, so that it can have PyTorch's defaults whatever we ask for ourselves.

python benchmarks/plain_worker.py THREADS DEVICE    a line in: a step; its seconds out
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import subprocess
import sys
from types import TracebackType
from typing import Self

import torch

from flawforge.core.seeds import torch_stream
from flawforge.core.settings.recipes import recipe
from flawforge.models.latents import draw_latents
from flawforge.training.state.state import TrainingState
from machine import timed
from plain_dcgan import PlainLoop, copy_weights, plain_discriminator, plain_generator


class PlainWorker:
    """A process that makes a step of the plain loop when it is told to.

    Args:
        pages: whether PyTorch asks for large memory pages.
        threads: of PyTorch.
        device: where it computes.
    """

    def __init__(self, pages: bool, threads: int, device: torch.device) -> None:
        env = os.environ | {"THP_MEM_ALLOC_ENABLE": str(int(pages))}
        command = [sys.executable, __file__, str(threads), str(device)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()

    def step(self) -> float:
        """Make a step and return its seconds."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print("step", file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())


def main() -> None:
    """Be that process."""
    torch.set_num_threads(int(sys.argv[1]))
    published = recipe("dcgan-sn")
    ours = TrainingState(published, 3, 0, torch.device("cpu"), "float32")
    device = torch.device(sys.argv[2])
    plain = PlainLoop(plain_generator().to(device), plain_discriminator().to(device))
    copy_weights(ours.generator, ours.discriminator, plain)  # type: ignore[arg-type]
    del ours
    real = torch.rand(published.batch, 3, *published.resolution, generator=torch_stream(0, "samples")) * 2 - 1
    real = real.to(device)
    for step, _ in enumerate(sys.stdin):
        latents = draw_latents(0, "latents", [(step, i) for i in range(published.batch)], published.latent).to(device)
        print(timed(lambda z=latents: plain.step(real, z)), flush=True)  # type: ignore[misc]


if __name__ == "__main__":
    main()
