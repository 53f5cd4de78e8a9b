"""Feature extractors by name: what turns images into the vectors that a score compares.

========================  ==============================================================================  =====
name                      features                                                                        width
========================  ==============================================================================  =====
``effnet-lite0``          EfficientNet-Lite0 (ImageNet), stage 5, mean over all positions                 112
``pixels``                the pixels themselves, at 16x16                                                 256 C
a file ending ``.onnx``   the first output of the user's own network, maps averaged over all positions    its own
========================  ==============================================================================  =====

None of them is the Inception network, so none of the numbers is an Inception FID: a number carries its extractor's
name. All take float (N, 1 or 3, H, W) in [-1, 1], as everywhere in Flawforge.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from flawforge.core.arrays import Floats32
from flawforge.core.errors import SettingError, did_you_mean
from flawforge.models.efficientnet import SMALLEST, load_backbone
from flawforge.models.features import features

DEFAULT = "effnet-lite0"
NAMES = (DEFAULT, "pixels")
STAGE = 5
PIXEL_SIDE = 16


class Extractor(Protocol):
    """Images in, features out.

    Attributes:
        name: what a number carries, e.g. ``effnet-lite0 stage 5``.
        version: changes whenever the features would: part of the cache's key.
    """

    name: str
    version: str

    def __call__(self, images: Tensor) -> Floats32:
        """Return (N, D) float32 of (N, 1 or 3, H, W) images in [-1, 1]; an image's row depends on it alone."""


class Lite0:
    """EfficientNet-Lite0, pooled stage 5; images smaller than 32 pixels are enlarged to 32 first."""

    def __init__(self, device: torch.device) -> None:
        self.name, self.version = f"effnet-lite0 stage {STAGE}", "1"
        self.backbone = load_backbone().to(device)

    def __call__(self, images: Tensor) -> Floats32:
        """Return (N, 112)."""
        height, width = images.shape[2:]
        small = min(height, width) < SMALLEST
        size = (max(height, SMALLEST), max(width, SMALLEST)) if small else None
        found: Floats32 = features([images], self.backbone, (STAGE,), size=size).numpy()
        return found


class PixelValues:
    """The pixels at 16x16, averaged down: a control that knows no texture."""

    def __init__(self) -> None:
        self.name, self.version = f"pixels {PIXEL_SIDE}x{PIXEL_SIDE}", "1"

    def __call__(self, images: Tensor) -> Floats32:
        """Return (N, 256 C)."""
        small = F.adaptive_avg_pool2d(images.float(), PIXEL_SIDE)
        found: Floats32 = small.flatten(1).numpy()
        return found


def find_extractor(name: str | Path, device: torch.device | None = None) -> Extractor:
    """Return an extractor by name, or the one in an ONNX file.

    Args:
        name: ``effnet-lite0``, ``pixels``, or a path ending in ``.onnx`` (see `flawforge.models.onnx`).
        device: where ``effnet-lite0`` works; None is the CPU. The others work on the CPU.

    Raises:
        SettingError: no such extractor, or no usable network in the file. ExtraMissingError: an ONNX file without the
        extra ``export``. WeightsMissingError: the package with the weights is not whole.
    """
    text = str(name)
    if text == DEFAULT:
        return Lite0(device or torch.device("cpu"))
    if text == "pixels":
        return PixelValues()
    if text.lower().endswith(".onnx"):
        from flawforge.models.onnx import OnnxNetwork

        return OnnxNetwork(Path(text))
    raise SettingError(
        f"--extractor is '{text}'; allowed: {', '.join(NAMES)}, or a file ending in .onnx.{did_you_mean(text, NAMES)}"
    )
