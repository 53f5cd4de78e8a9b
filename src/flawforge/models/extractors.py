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

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from flawforge.core.arrays import Floats32
from flawforge.core.errors import SettingError, did_you_mean
from flawforge.core.full_precision import full_precision
from flawforge.core.progress import SILENT, Progress
from flawforge.models.efficientnet import SMALLEST, WIDTHS, Backbone, load_backbone

BATCH = 16  # at 128x128 the widest map of a batch, 25 MB, is about what a processor's last cache holds


def features(
    images: Iterable[Tensor],
    backbone: Backbone,
    stages: Sequence[int] = (5,),
    *,
    size: tuple[int, int] | None = None,
    batch: int = BATCH,
    progress: Progress = SILENT,
) -> Tensor:
    """Return (N, D) float32 features on the CPU, a row per image in the order they come; D sums the stages' widths.

    Held at one time: one block of the stream, one batch, and the features.

    Args:
        images: blocks (n, 1 or 3, H, W) of any length, float in [-1, 1] or uint8 in 0..255. H and W may vary.
        backbone: from `load_backbone`; the work is done on its device, in float32 without shorter formats (TF32,
            bfloat16), so that a number does not depend on the device by more than rounding.
        stages: whose maps are averaged over all positions and joined, each 1 to 7. Stage 5 alone, 112 numbers, tells
            textures apart best and leaves a covariance that a few hundred images determine.
        size: (height, width) that images are brought to first, bilinear and antialiased. None: their own. Features of
            different sizes are not comparable.
        batch: images in one pass; changes speed and memory, and the features by rounding.
        progress: where to tell how far the work is.

    Raises:
        ValueError: an image that the network does not take.
    """
    device = backbone.classifier.weight.device
    rows = []
    with torch.inference_mode(), full_precision(device), progress.task("features", unit="images") as task:
        for part in rebatch(images, batch):
            values = part.to(device, non_blocking=True)
            if values.dtype == torch.uint8:
                values = values.float().div_(127.5).sub_(1)
            values = values.float()
            if size is not None and tuple(values.shape[2:]) != size:
                values = F.interpolate(values, size, mode="bilinear", antialias=True)
            rows.append(backbone.pooled(values, stages).cpu())
            task.advance(len(part))
    if not rows:
        return torch.empty(0, sum(WIDTHS[stage - 1] for stage in stages))
    return torch.cat(rows)


def rebatch(blocks: Iterable[Tensor], batch: int) -> Iterator[Tensor]:
    """Cut and join blocks (n, ...) into pieces of `batch`, in order; shorter where the shape or type changes."""
    held: list[Tensor] = []
    count = 0
    for block in blocks:
        if held and (block.shape[1:] != held[0].shape[1:] or block.dtype != held[0].dtype):
            yield torch.cat(held)
            held, count = [], 0
        first = 0
        while first < len(block):
            piece = block[first : first + batch - count]
            held.append(piece)
            first, count = first + len(piece), count + len(piece)
            if count == batch:
                yield held[0] if len(held) == 1 else torch.cat(held)
                held, count = [], 0
    if held:
        yield torch.cat(held)


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
