"""The few training images that are worth aligning with an image, found by what a network sees in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from flawforge.core.arrays import Ints
from flawforge.metrics.copying.normalised_texture import apply_symmetry
from flawforge.models.efficientnet import WIDTHS, Backbone, load_backbone

STAGES = (2, 3, 5, 7)
CELLS = 4  # a side of the grid that each stage's map is averaged over
SIZE = 128  # pixels at which the network looks
LENGTH = 1024  # numbers that describe an image, by a random projection of the grids (Johnson & Lindenstrauss 1984)
BATCH = 16
EVERY = 96  # training images up to which all are aligned, and nothing is retrieved
KEPT = 64  # of more, so many are


class CandidateSearch:
    """Training images described under the eight symmetries, so that a mirrored copy finds its source."""

    def __init__(self, device: torch.device) -> None:
        """Load the network."""
        self.backbone: Backbone = load_backbone().to(device)
        self.device = device
        draws = torch.Generator().manual_seed(0)
        length = CELLS**2 * sum(WIDTHS[stage - 1] for stage in STAGES)
        self._projection = (torch.randn(length, LENGTH, generator=draws) / LENGTH**0.5).to(device)
        self._rows: list[Tensor] = []

    def describe(self, grays: Tensor) -> Tensor:
        """Return (N, 1024): the unit-normalised maps of stages 2, 3, 5 and 7 on a 4 x 4 grid, projected.

        Args:
            grays: (N, H, W) gray images, 0..255.
        """
        rows = []
        with torch.inference_mode():
            for start in range(0, len(grays), BATCH):
                images = grays[start : start + BATCH, None].to(self.device).float() / 127.5 - 1
                images = F.interpolate(images, (SIZE, SIZE), mode="bilinear", antialias=True)
                maps = self.backbone.forward_stages(images, max(STAGES))
                cells = [F.adaptive_avg_pool2d(maps[stage - 1], CELLS).flatten(1) for stage in STAGES]
                rows.append(torch.cat([F.normalize(cell) for cell in cells], dim=1) @ self._projection)
        return torch.cat(rows)

    def add(self, grays: Tensor) -> None:
        """Take in training images, under all symmetries."""
        views = [self.describe(apply_symmetry(grays, symmetry)) for symmetry in range(8)]
        self._rows.append(torch.stack(views, dim=1))

    def candidates(self, grays: Tensor, forbidden: Sequence[Ints] | None = None) -> Ints:
        """Return (N, K) training images to align with each image, the likeliest first.

        Args:
            grays: (N, H, W) gray images, 0..255.
            forbidden: training images that do not count, for each image.
        """
        if len(self._rows) > 1:  # joined once, for they are as large as all the images
            self._rows = [torch.cat(self._rows)]
        known = self._rows[0]
        queries = self.describe(grays)
        distance = torch.stack([torch.cdist(queries, known[:, symmetry]) for symmetry in range(8)]).amin(0)
        for row, excluded in enumerate(forbidden or ()):
            distance[row, torch.as_tensor(excluded, device=distance.device)] = float("inf")
        near = distance.topk(min(KEPT, distance.shape[1]), largest=False)
        found: Ints = near.indices.cpu().numpy()
        found[~np.isfinite(near.values.cpu().numpy())] = -1
        return found
