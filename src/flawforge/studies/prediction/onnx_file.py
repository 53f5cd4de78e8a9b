"""A model as an ONNX file, checked against PyTorch image by image before it may stay (extra ``export``)."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from flawforge.core.arrays import Bytes, Floats32
from flawforge.core.files import sha256_file, write_bytes
from flawforge.models.onnx_export import as_onnx, run_onnx
from flawforge.runs.model_cards import ONNX, OnnxCheck

LARGEST_DIFFERENCE = 1e-4  # of any probability of any image
NO_ONNX = "onnx and onnxruntime are not installed (pip install 'flawforge[export]', then run the trial again)."


class WholeModel(nn.Module):
    """A classifier with all that belongs to it: bytes in, probabilities out.

    Args:
        network: maps (N, C, H, W) in [-1, 1] to logits (N, K).
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, C, H, W) uint8, 0 to 255, to (N, K) float32 probabilities."""
        probabilities: Tensor = self.network(images.float() / 127.5 - 1).float().softmax(1)
        return probabilities


def write_onnx(folder: Path, network: nn.Module, images: Bytes) -> tuple[OnnxCheck | None, str]:
    """Write ``model.onnx`` into a folder, if it gives what PyTorch gives.

    It takes `images`, uint8 (N, C, H, W), and gives `probabilities`, (N, K); scaling, shift and softmax are in it.

    Args:
        folder: it must exist.
        network: on the CPU, in evaluation mode.
        images: (M, C, H, W) uint8 to compare on, from 2.

    Returns:
        The check and an empty reason; or None and why there is no file.
    """
    (folder / ONNX).unlink(missing_ok=True)
    if find_spec("onnx") is None or find_spec("onnxruntime") is None:
        return None, NO_ONNX
    whole = WholeModel(network).eval()
    try:
        content = as_onnx(whole, {"images": torch.from_numpy(images[:2].copy())}, "probabilities")
        found = _run(content, images)
    except Exception as error:  # noqa: BLE001  exporter and runtime raise nearly any type for what they do not know
        return None, f"the network cannot be written as ONNX ({type(error).__name__}: {_first_line(error)})."
    with torch.inference_mode():
        expected = np.concatenate([whole(part).numpy() for part in torch.split(torch.from_numpy(images), 64)])
    difference = float(np.abs(found - expected).max())
    if not difference <= LARGEST_DIFFERENCE:
        return None, f"its probabilities differed from PyTorch's by up to {difference:.2g}, so it was not kept."
    write_bytes(folder / ONNX, content)
    return OnnxCheck(sha256=sha256_file(folder / ONNX), images=len(images), difference=difference), ""


def _run(content: bytes, images: Bytes) -> Floats32:
    return run_onnx(content, {"images": images})


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0][:200]
