"""The user's own network, from an ONNX file, as a feature extractor (extra ``export``)."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from flawforge.core.arrays import Floats32
from flawforge.core.errors import ExtraMissingError, SettingError
from flawforge.core.files import sha256_file


class OnnxNetwork:
    """A network with one float32 input (N, 1 or 3, H, W), given values in [-1, 1].

    What the network wants beyond that (mean and deviation of ImageNet, say) belongs into the file. Images are resized
    (bilinear, antialiased) where the file fixes H and W, gray is repeated where it wants 3 channels, and colour is
    averaged where it wants 1. Of the outputs the first counts: (N, D) as it is, (N, D, h, w) averaged over positions.
    """

    def __init__(self, file: Path) -> None:
        """Load a file on the CPU.

        Raises:
            ExtraMissingError: onnxruntime is not installed. SettingError: no such file, or no such network in it.
        """
        if find_spec("onnxruntime") is None:
            raise ExtraMissingError("an extractor from an ONNX file", "export")
        if not file.is_file():
            raise SettingError(f"--extractor is {file}; there is no such file.")
        self.file = file
        self.version = sha256_file(file)
        self.name = f"{file.name} @{self.version[:8]}"
        self.session = self._open()
        inputs = self.session.get_inputs()
        shape = inputs[0].shape if len(inputs) == 1 else []
        if len(shape) != 4 or inputs[0].type != "tensor(float)":
            found = ", ".join(f"{one.name} {one.type} {one.shape}" for one in inputs) or "none"
            raise SettingError(
                f"--extractor is {file}; its network takes {found}. A feature network takes one float input of "
                f"(N, channels, height, width)."
            )
        self.input = inputs[0].name
        # a name or None stands for a size that is free
        self.batch, self.channels, *self.size = (size if isinstance(size, int) else None for size in shape)
        if self.channels not in (None, 1, 3):
            raise SettingError(f"--extractor is {file}; its network takes {self.channels} channels, allowed: 1 or 3.")

    def __call__(self, images: Tensor) -> Floats32:
        """Return (N, D).

        Raises:
            SettingError: the network fails, or gives no such output.
        """
        values = self._fitted(images.float())
        step = self.batch or 16
        rows = [self._run(values[start : start + step], step) for start in range(0, len(values), step)]
        return np.concatenate(rows)

    def _open(self) -> Any:
        try:
            return open_session(self.file)
        except Exception as error:
            raise SettingError(f"--extractor is {self.file}; it holds no network that can be run: {error}") from error

    def _fitted(self, images: Tensor) -> Tensor:
        height, width = self.size[0] or images.shape[2], self.size[1] or images.shape[3]
        if (height, width) != tuple(images.shape[2:]):
            images = F.interpolate(images, (height, width), mode="bilinear", antialias=True)
        if self.channels == 3 and images.shape[1] == 1:
            return images.expand(-1, 3, -1, -1)
        return images.mean(dim=1, keepdim=True) if self.channels == 1 and images.shape[1] == 3 else images

    def _run(self, part: Tensor, step: int) -> Floats32:
        count = len(part)
        if self.batch and count < step:  # the file fixes N: the rest is filled with the last image
            part = torch.cat([part, part[-1:].expand(step - count, -1, -1, -1)])
        try:
            found = np.asarray(self.session.run(None, {self.input: np.ascontiguousarray(part.numpy())})[0])
        except Exception as error:
            raise SettingError(f"--extractor is {self.file}; its network cannot take these images: {error}") from error
        if found.ndim == 4:
            found = found.mean(axis=(2, 3))
        if found.ndim != 2 or len(found) != len(part) or not np.isfinite(found).all():
            raise SettingError(
                f"--extractor is {self.file}; its first output has shape {found.shape} for {len(part)} images. "
                f"Allowed: (N, D) or (N, D, height, width), finite numbers."
            )
        return found[:count].astype(np.float32)


def open_session(network: Path | bytes) -> Any:
    """Return the session of onnxruntime for a file or its content; it writes nothing to the console.

    Raises:
        Exception: of nearly any type, where onnxruntime cannot run it.
    """
    runtime = import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    content = network if isinstance(network, bytes) else str(network)
    return runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
