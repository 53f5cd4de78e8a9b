"""The losses, as short pure functions named as in the papers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from flawforge.models.whole_batch import Gather


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
