"""The losses, as short pure functions named as in the papers."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


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
