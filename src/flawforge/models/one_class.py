"""Good or defective from good images alone, and the same joined with a classifier that has seen defects.

Roth et al. 2022, "Towards Total Recall in Industrial Anomaly Detection" (PatchCore, 2106.08265): an image is as
anomalous as the position that is farthest from a memory bank of good patches. Distances become logits by a line that
the good training images fix, each compared with the others alone.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flawforge.models.classifier import PROBE_SIDE, STAGE, with_side
from flawforge.models.efficientnet import load_backbone
from flawforge.models.memory_bank import BATCH, STAGES, MemoryBank

FALSE_ALARMS = 0.05  # of good images, that the logits call defective
STEEP = 2.0  # logits for each standard deviation of the good images' distances


class OneClass(nn.Module):
    """Logits (good, defective) from the distance to good patches; no defect is needed to make it.

    Attributes:
        limit: distance at which the logits are 0: `FALSE_ALARMS` of the good training images are farther.
        spread: standard deviation of their distances.
    """

    def __init__(self) -> None:
        super().__init__()
        self.backbone = load_backbone()
        self.bank = MemoryBank()
        self.register_buffer("limit", torch.zeros(()))
        self.register_buffer("spread", torch.ones(()))
        self.limit: Tensor
        self.spread: Tensor

    def maps(self, images: Tensor) -> list[Tensor]:
        """Return the maps of stages 1 to 5 of (N, 1 or 3, H, W) images; small ones are enlarged in proportion first."""
        return [found.float() for found in self.backbone.forward_stages(with_side(images, PROBE_SIDE), STAGE)]

    def distances(self, images: Tensor, own: Tensor | None = None) -> Tensor:
        """Return (N,) largest distances of images (N, 1 or 3, H, W) in [-1, 1]; `own` as of `MemoryBank.farthest`."""
        return self.bank.farthest(self.bank.patches(self.maps(images)), 1, own)[0][:, 0]

    def anomaly(self, images: Tensor) -> Tensor:
        """Return (N,) distances above the limit, in standard deviations of good images."""
        return (self.distances(images) - self.limit) / self.spread

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, 1 or 3, H, W) to logits (N, 2)."""
        return as_logits(self.anomaly(images))

    @torch.inference_mode()
    def remember(self, good: Tensor, seed: int) -> None:
        """Fill the memory bank from good images, (N, C, H, W) uint8, N from 1, and fix the line by their distances.

        Args:
            good: the images.
            seed: of the bank's coreset.
        """
        self.bank.remember(good, self.maps, seed)
        numbers = torch.arange(len(good), device=good.device)
        parts = zip(torch.split(good, BATCH), torch.split(numbers, BATCH), strict=True)
        found = torch.cat([self.distances(part.float() / 127.5 - 1, own) for part, own in parts])
        self.limit.copy_(found.quantile(1 - FALSE_ALARMS))
        self.spread.copy_(found.std(correction=0).clamp_min(1e-3))


class OneClassMap(OneClass):
    """As `OneClass`, but with a logit for every pixel: from the distance of its position, between positions a line."""

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, 1 or 3, H, W) to logits (N, 1, H, W)."""
        maps = self.maps(images)
        distances = self.bank.nearest(self.bank.patches(maps)).clamp_min(0).sqrt()
        grid = distances.view(len(images), 1, *maps[min(STAGES) - 1].shape[2:])
        grid = F.interpolate(grid, images.shape[2:], mode="bilinear", align_corners=False)
        return (grid - self.limit) / self.spread * STEEP


class Joined(nn.Module):
    """A classifier of (good, defective) and a memory bank of good patches: the mean of their scores.

    Each score is divided by its standard deviation over the good training images first, so that neither counts more for
    being measured in other units.

    Attributes:
        spread: standard deviation of the classifier's score on the good training images.
    """

    def __init__(self, classifier: nn.Module, one_class: OneClass) -> None:
        super().__init__()
        self.classifier, self.one_class = classifier, one_class
        self.register_buffer("spread", torch.ones(()))
        self.spread: Tensor

    def score(self, images: Tensor) -> Tensor:
        """Return (N,) the classifier's log odds of a defect."""
        logits = self.classifier(images)
        score: Tensor = logits[:, 1] - logits[:, 0]
        return score

    @torch.inference_mode()
    def balance(self, good: Tensor) -> None:
        """Take the unit of the classifier's score from good images, (N, C, H, W) uint8."""
        found = torch.cat([self.score(part.float() / 127.5 - 1) for part in torch.split(good, BATCH)])
        self.spread.copy_(found.std(correction=0).clamp_min(1e-3))

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, 1 or 3, H, W) to logits (N, 2)."""
        return as_logits((self.score(images) / self.spread + self.one_class.anomaly(images)) / 2)


def as_logits(anomaly: Tensor) -> Tensor:
    """Return logits (N, 2) whose difference is `STEEP` times the anomaly (N,)."""
    half = anomaly * STEEP / 2
    return torch.stack([-half, half], 1)
