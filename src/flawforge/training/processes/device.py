"""Where the numbers are worked out: device, number format, threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch

from flawforge.core.errors import DeviceError
from flawforge.runs.versions import usable_cores

Precision = Literal["float32", "bfloat16"]


def resolve_device(name: str = "auto") -> torch.device:
    """Return the device of that name; ``auto`` takes a GPU where PyTorch sees one, else the processor.

    Raises:
        DeviceError: there is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise DeviceError(f"--device {name} is no device; allowed: auto, cpu, cuda, cuda:0, cuda:1, ...") from None
    if device.type not in ("cpu", "cuda"):
        raise DeviceError(f"--device {name} is not supported; allowed: auto, cpu, cuda, cuda:0, cuda:1, ...")
    if device.type == "cuda" and (not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count()):
        seen = torch.cuda.device_count() if torch.cuda.is_available() else 0
        raise DeviceError(
            f"--device {name} is not to be had: PyTorch {torch.__version__} sees {seen} CUDA devices. "
            f"Use --device cpu, or install a CUDA build of PyTorch."
        )
    return device


def resolve_precision(wanted: str, device: torch.device) -> Precision:
    """Return the number format of the heavy products: ``auto`` takes bfloat16 where the hardware multiplies in it.

    Raises:
        DeviceError: bfloat16 is asked of a GPU that lacks it. (A processor without the instructions emulates it,
            slowly.)
    """
    if wanted == "float32":
        return "float32"
    native = _gpu_has_bfloat16(device) if device.type == "cuda" else _processor_has_bfloat16()
    if wanted == "bfloat16" and not native and device.type == "cuda":
        raise DeviceError("--precision bfloat16: this GPU does not have it. Use --precision float32.")
    return "bfloat16" if native or wanted == "bfloat16" else "float32"


@contextmanager
def honest_float32(precision: Precision) -> Iterator[None]:
    """Keep a GPU from rounding float32 convolutions to TF32 (10 bits), which PyTorch allows by itself, where float32 is
    what was asked for. Whatever else the program has set stays, and comes back at the end.
    """
    cudnn = torch.backends.cudnn
    with cudnn.flags(
        enabled=cudnn.enabled,
        benchmark=cudnn.benchmark,
        deterministic=cudnn.deterministic,
        allow_tf32=cudnn.allow_tf32 and precision != "float32",
    ):
        yield


def set_threads() -> int:
    """Give PyTorch as many threads as this process may use cores, and return the number."""
    torch.set_num_threads(min(usable_cores(), torch.get_num_threads()))
    return torch.get_num_threads()


def _gpu_has_bfloat16(device: torch.device) -> bool:
    with torch.cuda.device(device):  # of several GPUs the one that is asked for, and in hardware
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))


def _processor_has_bfloat16() -> bool:
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, check, lambda: False)() for check in checks)
