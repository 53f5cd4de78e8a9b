from __future__ import annotations

import pytest
import torch

from flawforge.core.errors import DeviceError
from flawforge.training import device as device_file
from flawforge.training.device import resolve_device, resolve_precision, set_threads

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
