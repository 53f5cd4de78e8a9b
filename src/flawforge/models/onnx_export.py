"""A network as ONNX bytes, whole in themselves, and what onnxruntime makes of them (extra ``export``)."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from flawforge.core.arrays import Floats32
from flawforge.models.onnx import open_session

OPSET = 17


def as_onnx(network: nn.Module, examples: Mapping[str, Tensor], output: str) -> bytes:
    """Return a network in evaluation mode as an ONNX file whose first axis, the batch, is free; the weights are in it.

    PyTorch's older exporter writes it: the newer one puts weights into a file beside it, under a name that is fixed.

    Args:
        network: on the CPU.
        examples: name of each input, in the order of its arguments, to a batch of two.
        output: name of its output.

    Raises:
        Exception: of nearly any type, where the network holds what ONNX does not know.
    """
    free = {name: {0: "N"} for name in (*examples, output)}
    with tempfile.TemporaryDirectory() as aside, warnings.catch_warnings(), _silent(), torch.no_grad():
        file = Path(aside) / "network.onnx"
        warnings.simplefilter("ignore")  # sizes are constants here, which the tracer warns of
        torch.onnx.export(
            network,
            tuple(examples.values()),
            file,
            dynamo=False,
            opset_version=OPSET,
            dynamic_axes=free,
            input_names=list(examples),
            output_names=[output],
        )
        return file.read_bytes()


def run_onnx(content: bytes, inputs: Mapping[str, NDArray[Any]], batch: int = 64) -> Floats32:
    """Return the first output of an ONNX file for arrays of equal length, `batch` rows at a time, on the CPU.

    Raises:
        Exception: of nearly any type, where onnxruntime cannot run it.
    """
    session = open_session(content)
    count = len(next(iter(inputs.values())))
    parts = [{name: rows[start : start + batch] for name, rows in inputs.items()} for start in range(0, count, batch)]
    return np.concatenate([np.asarray(session.run(None, part)[0]) for part in parts]).astype(np.float32)


def with_facts(content: bytes, facts: Mapping[str, str]) -> bytes:
    """Return an ONNX file with facts about it in its metadata, which readers show beside inputs and outputs."""
    onnx = import_module("onnx")
    model = onnx.load_from_string(content)
    onnx.helper.set_model_props(model, dict(facts))
    written: bytes = model.SerializeToString()
    return written


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Drop what the process writes to standard output: PyTorch's library draws its graph there when it fails."""
    sys.stdout.flush()
    before = os.dup(1)
    try:
        with Path(os.devnull).open("wb") as nothing:
            os.dup2(nothing.fileno(), 1)
        yield
    finally:
        os.dup2(before, 1)
        os.close(before)
