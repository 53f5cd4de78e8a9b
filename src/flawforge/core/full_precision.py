"""Float32 as it is: the shorter number formats that PyTorch may put in its place are off for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """Forbid shorter number formats (TF32, bfloat16) in products and convolutions, whatever the program around has set;
    it comes back at the end.
    """
    before, cudnn = torch.get_float32_matmul_precision(), torch.backends.cudnn
    torch.set_float32_matmul_precision("highest")
    flags = {"enabled": cudnn.enabled, "benchmark": cudnn.benchmark, "deterministic": cudnn.deterministic}
    try:
        with torch.autocast(device.type, enabled=False), cudnn.flags(**flags, allow_tf32=False):
            yield
    finally:
        torch.set_float32_matmul_precision(before)
