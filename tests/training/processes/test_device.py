from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import pytest
import torch

from flawforge.core.errors import DeviceError
from flawforge.training.processes import device as device_file
from flawforge.training.processes.device import (
    Precision,
    honest_float32,
    resolve_device,
    resolve_precision,
    set_threads,
)

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", ["gpu", "mps", "tpu:0"])
def test_a_device_that_we_do_not_know_is_explained(name: str) -> None:
    with pytest.raises(DeviceError, match=rf"--device {name} is .*allowed: auto, cpu, cuda"):
        resolve_device(name)


def test_a_gpu_that_is_not_there_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match="sees 0 CUDA devices. Use --device cpu, or install a CUDA build"):
        resolve_device("cuda")
    assert resolve_device("auto") == CPU


@pytest.mark.parametrize(("native", "expected"), [(True, "bfloat16"), (False, "float32")])
def test_auto_takes_bfloat16_where_the_processor_multiplies_in_it(
    native: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_file, "_processor_has_bfloat16", lambda: native)
    assert resolve_precision("auto", CPU) == expected
    assert resolve_precision("float32", CPU) == "float32"
    assert resolve_precision("bfloat16", CPU) == "bfloat16"


def test_threads_are_those_that_are_used() -> None:
    assert set_threads() == torch.get_num_threads() >= 1


def test_a_gpu_that_only_emulates_bfloat16_is_not_given_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[torch.device] = []

    def on(device: torch.device) -> AbstractContextManager[None]:
        asked.append(device)
        return nullcontext()

    monkeypatch.setattr(torch.cuda, "device", on)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation)
    old = torch.device("cuda", 1)
    assert resolve_precision("auto", old) == "float32"
    with pytest.raises(DeviceError, match="this GPU does not have it"):
        resolve_precision("bfloat16", old)
    assert asked == [old, old]


@pytest.mark.parametrize(("precision", "rounded"), [("float32", False), ("bfloat16", True)])
def test_float32_means_float32_on_a_gpu_too(precision: Precision, rounded: bool) -> None:
    cudnn = torch.backends.cudnn
    before = cudnn.allow_tf32
    cudnn.allow_tf32 = True
    try:
        with honest_float32(precision):
            assert cudnn.allow_tf32 is rounded
        assert cudnn.allow_tf32 is True
    finally:
        cudnn.allow_tf32 = before
