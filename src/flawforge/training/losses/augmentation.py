"""Differentiable augmentation: what the discriminator sees is changed at random, real and generated alike.

Zhao et al. 2020, "Differentiable Augmentation for Data-Efficient GAN Training" (2006.10738): brightness, contrast,
shift and cut-out; the gradient goes through. With a target, the probability adapts (Karras et al. 2020, 2006.06676):
it rises while the discriminator is too sure of real images, r_t = mean sign D(x) > target, and falls otherwise.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from flawforge.core.seeds import torch_stream
from flawforge.training.processes.processes import ALONE, Processes

SHIFT = 0.125  # of the side
BRIGHTNESS, CONTRAST = 0.25, 0.5  # half widths: of [-1, 1], and of the factor around 1
CUT = 0.4  # of the side
ADAPT_KIMG = 20.0  # images in which the probability can go from 0 to 1


class Augmentation:
    """The augmentation of one training.

    Attributes:
        step: the optimiser step that numbers are drawn for; set by the loop.
        probability: how often each change is applied, a tensor of the state.
    """

    def __init__(self, kind: str, target: float, seed: int, device: torch.device, processes: Processes = ALONE) -> None:
        self.kind, self.target, self.seed = kind, target, seed
        self.processes = processes
        self.step = 0
        self.probability = torch.tensor(0.0 if target > 0 else 1.0, device=device)

    def tensors(self) -> dict[str, Tensor]:
        """Return what a checkpoint keeps: nothing, unless the probability adapts."""
        return {"augmentation.probability": self.probability} if self.target > 0 else {}

    def __call__(self, images: Tensor, turn: str) -> Tensor:
        """Return (N, C, H, W) images changed at random; `turn` (``real``, ``fake``, ``judged``) addresses the
        random numbers.
        """
        if self.kind == "none":
            return images
        generator = torch_stream(self.seed, "augmentation", self.step, turn)
        draws = torch.rand(len(images) * self.processes.count, 12, generator=generator)
        draws = self.processes.mine(draws).to(images.device)
        chance = draws[:, 6:10] < self.probability
        images = brightness(images, (draws[:, 0] * 2 - 1) * BRIGHTNESS * chance[:, 0])
        images = contrast(images, 1 + (draws[:, 1] * 2 - 1) * CONTRAST * chance[:, 1])
        images = shift(images, ((draws[:, 2:4] * 2 - 1) * SHIFT) * chance[:, 2:3])
        return cut_out(images, draws[:, 4:6], chance[:, 3]) if self.kind == "full" else images

    @torch.no_grad()
    def adapt(self, logits_real: Tensor, batch: int) -> None:
        """Move the probability by what the discriminator says of the real batch, or of the part of it, `batch` images
        large, that this process holds.
        """
        if self.target > 0 and self.kind != "none":
            direction = torch.sign(self.processes.mean(torch.sign(logits_real.float()).mean()) - self.target)
            self.probability.add_(direction * batch * self.processes.count / (ADAPT_KIMG * 1000)).clamp_(0, 1)


def brightness(images: Tensor, amount: Tensor) -> Tensor:
    """Add `amount` (N,) to each image."""
    return images + amount[:, None, None, None]


def contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Scale each image's distance from its mean by `factor` (N,)."""
    mean = images.mean((1, 2, 3), keepdim=True)
    return (images - mean) * factor[:, None, None, None] + mean


def shift(images: Tensor, amount: Tensor) -> Tensor:
    """Move each image by `amount` (N, 2) of its height and width, to whole pixels; what comes in is mirrored."""
    height, width = images.shape[2:]
    tall, wide = int(height * SHIFT) + 1, int(width * SHIFT) + 1
    padded = F.pad(images, (wide, wide, tall, tall), mode="reflect")
    rows = torch.arange(height, device=images.device) + tall + (amount[:, :1] * height).round().long()
    columns = torch.arange(width, device=images.device) + wide + (amount[:, 1:] * width).round().long()
    every = torch.arange(len(images), device=images.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[every, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def cut_out(images: Tensor, centre: Tensor, chosen: Tensor) -> Tensor:
    """Set a square of the chosen images to 0 (mid gray); `centre` (N, 2) is a share of the sides."""
    height, width = images.shape[2:]
    rows = torch.arange(height, device=images.device) / height - centre[:, :1]
    columns = torch.arange(width, device=images.device) / width - centre[:, 1:]
    inside = (rows.abs() < CUT / 2)[:, :, None] & (columns.abs() < CUT / 2)[:, None, :]
    return images * ~(inside & chosen[:, None, None])[:, None]
