"""Mixing of images and their labels: mixup and CutMix.

Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization" (1710.09412); Yun et al. 2019, "CutMix" (1905.04899).
"""

from __future__ import annotations

import torch
from torch import Tensor

from flawforge.core.settings.policies import ClassicalPolicy
from flawforge.data.augmentation.photometry import rectangles


def mix(images: Tensor, labels: Tensor, policy: ClassicalPolicy, draws: torch.Generator) -> tuple[Tensor, Tensor]:
    """Mix each image with another one of its batch, and their labels in the same proportion.

    With x~ = l x + (1 - l) x', y~ = l y + (1 - l) y' and l from Beta(a, a) (mixup, eq. 1); CutMix takes x' inside a
    rectangle of area 1 - l, and y~ by the rectangle's true area.

    Args:
        images: (N, C, H, W).
        labels: (N, K) whose rows sum to 1.
        policy: says which; neither returns both as they came.
        draws: where the random numbers come from; on the CPU.

    Returns:
        images and labels of the same shapes; the rows of the labels sum to 1.
    """
    if not policy.mixes or len(images) < 2:
        return images, labels
    partner = torch.randperm(len(images), generator=draws).to(images.device)
    cut = policy.mixup == 0 or (policy.cutmix > 0 and float(torch.rand((), generator=draws)) < 0.5)
    keep = _beta(policy.cutmix if cut else policy.mixup, len(images), draws).to(images.device)
    if cut:
        height, width = images.shape[2:]
        centre = torch.rand(len(images), 2, generator=draws).to(images.device)
        inside = rectangles(centre, 1 - keep, torch.ones_like(keep), height, width)
        keep = 1 - inside.float().mean((1, 2, 3))
        images = torch.where(inside, images[partner], images)
    else:
        images = torch.lerp(images[partner], images, keep[:, None, None, None])
    return images, torch.lerp(labels[partner], labels, keep[:, None])


def _beta(alpha: float, count: int, draws: torch.Generator) -> Tensor:
    """Return (count,) numbers from Beta(alpha, alpha), as X / (X + Y) of two gamma numbers."""
    gammas = torch._standard_gamma(torch.full((2, count), alpha), generator=draws)
    return (gammas[0] / gammas.sum(0).clamp_min(1e-12)).clamp(0, 1)
