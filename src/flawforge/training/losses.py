"""The losses, as short pure functions named as in the papers, and differentiable augmentation.

What the discriminator sees is changed at random, real and generated alike. Zhao et al. 2020, "Differentiable
Augmentation for Data-Efficient GAN Training" (2006.10738): brightness, contrast, shift and cut-out; the gradient goes
through. With a target, the probability adapts (Karras et al. 2020, 2006.06676): it rises while the discriminator is too
sure of real images, r_t = mean sign D(x) > target, and falls otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from flawforge.core.seeds import torch_stream
from flawforge.models.whole_batch import Gather
from flawforge.training.processes.processes import ALONE, Processes


def discriminator_loss_real(logits: Tensor) -> Tensor:
    """Return -mean log D(x), D = sigmoid(logit), of (N,) logits on real images (Goodfellow et al. 2014, 1406.2661,
    eq. 1).

    Equal to binary cross-entropy with target 1, without overflow where the sigmoid rounds to 0 or 1.
    """
    return F.softplus(-logits.float()).mean()


def discriminator_loss_fake(logits: Tensor) -> Tensor:
    """Return -mean log(1 - D(G(z))) of (N,) logits on generated images (same, eq. 1)."""
    return F.softplus(logits.float()).mean()


def generator_loss(logits: Tensor) -> Tensor:
    """Return -mean log D(G(z)) of (N,) logits on generated images: the non-saturating form (same, section 3)."""
    return F.softplus(-logits.float()).mean()


def hinge_real(logits: Tensor) -> Tensor:
    """Return mean max(0, 1 - D(x)) of logits of any shape on real images (Lim & Ye 2017, 1705.02894)."""
    return F.relu(1 - logits.float()).mean()


def hinge_fake(logits: Tensor) -> Tensor:
    """Return mean max(0, 1 + D(G(z))) of logits on generated images (same)."""
    return F.relu(1 + logits.float()).mean()


def hinge_generator(logits: Tensor) -> Tensor:
    """Return -mean D(G(z)) of logits on generated images (same)."""
    return -logits.float().mean()


def diversity_gap(fake: Tensor, real: Tensor, labels: Tensor, gather: Gather | None = None) -> Tensor:
    """Return how much less the generated images of a class differ than the real ones, 0 (not less) to 1 (all alike).

    max(0, 1 - s(fake) / s(real)), mean over two coarse scales; s is the mean distance of two images of one class in the
    batch, of (N, C, H, W) images averaged down to 4 and 16 cells a side. In the spirit of mode seeking (Mao et al.
    2019, 1903.05628), but it stops at what real images have. 0 for a batch without two images of one class.

    Args:
        fake: generated images (N, C, H, W), of the classes `labels`.
        real: real images (N, C, H, W), of the same classes.
        labels: (N,) class numbers.
        gather: where `fake`, `real` and `labels` are one process's part of the batch, brings all parts together
            (`flawforge.models.whole_batch`).
    """
    if gather is not None:
        labels = gather(labels).flatten()
    first, second = torch.triu_indices(len(labels), len(labels), 1, device=labels.device)
    same = labels[first] == labels[second]  # a mask, not a choice of pairs: a GPU need not wait to hear how many
    gaps = []
    for cells in (4, 16):
        made, true = (F.adaptive_avg_pool2d(images.float(), cells).flatten(1) for images in (fake, real))
        if gather is not None:
            made, true = gather(made).flatten(0, 1), gather(true).flatten(0, 1)
        gaps.append(F.relu(1 - mean_distance(made, first, second, same) / mean_distance(true, first, second, same)))
    return torch.stack(gaps).mean() * same.any()


def mean_distance(rows: Tensor, first: Tensor, second: Tensor, counted: Tensor) -> Tensor:
    """Return the mean Euclidean distance of the rows (N, D) over the pairs (first, second), (P,), that are counted;
    1e-6 at least.
    """
    distances = ((rows[first] - rows[second]).square().sum(1) + 1e-8).sqrt()
    return ((distances * counted).sum() / counted.sum().clamp_min(1)).clamp_min(1e-6)


@dataclass(frozen=True)
class Loss:
    """The three parts of an adversarial loss, each from logits to a scalar."""

    real: Callable[[Tensor], Tensor]
    fake: Callable[[Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]


LOSSES = {
    "bce": Loss(discriminator_loss_real, discriminator_loss_fake, generator_loss),
    "hinge": Loss(hinge_real, hinge_fake, hinge_generator),
}


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
