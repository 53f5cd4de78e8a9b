"""A memory bank of good patches: how far is each position of an image from all that good images have shown?

Roth et al. 2022, "Towards Total Recall in Industrial Anomaly Detection" (PatchCore, 2106.08265), on EfficientNet-Lite0:
stage 3 and stage 5, each averaged over 3x3 neighbours, the coarser one enlarged to the finer one's positions; a greedy
coreset of the good images' patches (their algorithm 1, on a random projection) is the bank. The distance of a position
is that to its nearest patch in the bank.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flawforge.core.seeds import numpy_stream, torch_stream
from flawforge.models.efficientnet import WIDTHS

STAGES = (3, 5)  # whose maps make a patch: a local one, and one that sees the surroundings
WIDTH = sum(WIDTHS[stage - 1] for stage in STAGES)
ROWS = 2048  # patches in the bank: 1.2 MB
CONSIDERED = 20_000  # patches, drawn at random, that the coreset is chosen from
PROJECTED = 32  # numbers to which patches are projected while it is chosen
BATCH = 16  # good images whose maps are worked out at a time
BLOCK = 256  # rows of the bank that all positions are compared with at a time
CANDIDATES = 4  # rows that are measured exactly


class MemoryBank(nn.Module):
    """Good patches, and the distance of other patches to the nearest of them.

    The number of rows is fixed, so that a stored bank fits any; with fewer patches than rows, rows come again.

    Attributes:
        rows: (`ROWS`, 152) patches, standardised.
        mean, deviation: (152,) of the good patches: what patches are standardised by.
        source: (`ROWS`,) which good image each row comes from; -1 before `remember`. Not stored.
    """

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("rows", torch.zeros(ROWS, WIDTH))
        self.register_buffer("mean", torch.zeros(WIDTH))
        self.register_buffer("deviation", torch.ones(WIDTH))
        self.register_buffer("source", torch.full((ROWS,), -1), persistent=False)
        self.rows: Tensor
        self.mean: Tensor
        self.deviation: Tensor
        self.source: Tensor

    def patches(self, maps: list[Tensor]) -> Tensor:
        """Return (N, P, 152) standardised patches, a row per position of the finer map.

        Args:
            maps: (N, C, h, w) of stages 1 to 5, as `Backbone.forward_stages` returns them.
        """
        fine, coarse = (F.avg_pool2d(maps[stage - 1], 3, 1, 1, count_include_pad=False) for stage in STAGES)
        coarse = F.interpolate(coarse, fine.shape[2:], mode="bilinear", align_corners=False)
        stacked = torch.cat([fine, coarse], 1).flatten(2).transpose(1, 2)
        return (stacked - self.mean) / self.deviation

    @torch.no_grad()
    def remember(self, good: Tensor, maps_of: Callable[[Tensor], list[Tensor]], seed: int) -> None:
        """Fill the bank by a greedy coreset: each row is the patch that is farthest from all rows before it.

        Args:
            good: (N, C, H, W) uint8 images without a defect, N from 1. No other image enters the bank.
            maps_of: images (n, C, H, W) in [-1, 1] to what `patches` takes.
            seed: of the patches that are considered and of the projection (stream ``weights``).
        """
        self.mean.zero_()
        self.deviation.fill_(1)
        draws = numpy_stream(seed, "weights", "memory-bank", "patches")
        each = -(-CONSIDERED // len(good))
        kept = []
        for part in torch.split(good.to(self.rows.device), BATCH):
            for patches in self.patches(maps_of(part.float() / 127.5 - 1)):
                positions = np.sort(draws.choice(len(patches), min(each, len(patches)), replace=False))
                kept.append(patches[torch.from_numpy(positions).to(patches.device)])
        considered = torch.cat(kept)
        self.mean.copy_(considered.mean(0))
        self.deviation.copy_(considered.std(0).clamp_min(1e-6))
        considered = (considered - self.mean) / self.deviation
        generator = torch_stream(seed, "weights", "memory-bank", "projection")
        projection = torch.randn(WIDTH, PROJECTED, generator=generator) / PROJECTED**0.5
        order = coreset(considered @ projection.to(considered.device), ROWS)
        order = order[torch.arange(ROWS, device=order.device) % len(order)]
        self.rows.copy_(considered[order])
        self.source.copy_(order // len(kept[0]))

    def farthest(self, patches: Tensor, count: int, own: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the distances (N, count) of the positions that are farthest from the bank, falling, and their patches.

        All positions are compared by one matrix product, whose rounding can only mistake positions that are as far as
        each other; the distances of those that are returned are measured from the differences.

        Args:
            patches: (N, P, 152), standardised.
            count: positions, at most P.
            own: (N,) for each image the number of the good image that it is; rows that come from it are left out.
                -1, or None: it is none of them.

        Returns:
            Distances (N, count) and patches (N, count, 152).
        """
        squares = self.rows.square().sum(1)
        positions = self.nearest(patches, own).topk(count, dim=1).indices
        far = patches.gather(1, positions[:, :, None].expand(-1, -1, WIDTH))
        again = squares - 2 * (far @ self.rows.t())
        if own is not None:
            again = again.masked_fill(self._same(own)[:, None], torch.inf)
        estimates, rows = again.topk(CANDIDATES, dim=2, largest=False)
        exact = (self.rows[rows] - far[:, :, None]).square().sum(3)
        if own is not None:
            exact = exact.masked_fill(estimates.isinf(), torch.inf)
        distances, order = exact.amin(2).sqrt().sort(dim=1, descending=True)
        return distances, far.gather(1, order[:, :, None].expand(-1, -1, WIDTH))

    def nearest(self, patches: Tensor, own: Tensor | None = None) -> Tensor:
        """Return (N, P) squared distances of positions to the nearest row; beside near rows they are rounded.

        Arguments as of `farthest`.
        """
        squares = self.rows.square().sum(1)
        nearest: Tensor | None = None
        for start in range(0, ROWS, BLOCK):
            block = self.rows[start : start + BLOCK]
            found = squares[start : start + BLOCK] - 2 * (patches @ block.t())
            if own is not None:
                found = found.masked_fill(self._same(own)[:, None, start : start + BLOCK], torch.inf)
            least = found.amin(2)
            nearest = least if nearest is None else torch.minimum(nearest, least)
        assert nearest is not None
        return nearest + patches.square().sum(2)

    def _same(self, own: Tensor) -> Tensor:
        """Return (N, `ROWS`) which rows come from the image itself; none where all would."""
        same = own[:, None] == self.source
        return same & ~same.all(1, keepdim=True)


def coreset(points: Tensor, count: int) -> Tensor:
    """Return the indices of at most `count` points: the one farthest from the mean, then always the one farthest from
    all chosen ones.

    It stops where every point has a chosen one at its place. Of points that are as far, the first is taken; but for
    these the order of the points does not matter.

    Args:
        points: (N, D), N from 1.
        count: from 1.
    """
    chosen = [int((points - points.mean(0)).square().sum(1).argmax())]
    distances = (points - points[chosen[0]]).square().sum(1)
    while len(chosen) < min(count, len(points)):
        index = int(distances.argmax())
        if float(distances[index]) == 0:
            break
        chosen.append(index)
        distances = torch.minimum(distances, (points - points[index]).square().sum(1))
    return torch.tensor(chosen, device=points.device)
