"""The few-shot generator: light, conditional on the class, with skip-layer excitation.

After Liu et al. 2021, "Towards Faster and Stabilized GAN Training for High-fidelity Few-shot Image Synthesis"
(FastGAN, 2101.04775): one 3x3 convolution a scale with gated linear units, and coarse maps that gate fine ones (skip-
layer excitation, eq. 1). Classes and latent enter each scale through the scale and shift of batch norm (de Vries et
al. 2017, 1707.00683; Brock et al. 2018, 1809.11096, which splits the latent over the scales), so that classes with
few images borrow all convolutions from the others. Each scale adds grain (Karras et al. 2019, 1812.04948, add noise
there), so that a texture need not be made out of few channels; here it is a function of the latent, as an image is.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EMBEDDING = 64  # numbers that say a class
CHUNK = 32  # numbers that each scale takes from the latent
WIDEST = 8  # times the depth: no scale has more channels
GRAINS = 32  # numbers of the latent that decide the grain: as many basis maps a scale
POOLED = 4  # side of the maps that gates are made from
AMOUNT = 0.5  # of the grain beside maps of variance 1, before training


class ConditionalNorm(nn.Module):
    """Batch norm whose scale and shift are linear in a condition (N, k)."""

    def __init__(self, channels: int, condition: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.scale = nn.Linear(condition, channels)
        self.shift = nn.Linear(condition, channels)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Map (N, C, H, W) and (N, k) to (N, C, H, W)."""
        out: Tensor = self.norm(x) * (1 + self.scale(condition)[:, :, None, None])
        shift: Tensor = self.shift(condition)
        return out + shift[:, :, None, None]


class Grain(nn.Module):
    """Add to each channel a learnt amount of one map: the latent's first numbers times a fixed random basis.

    For one image the map is white noise to the eye, and two images have two maps; but an image stays a function of its
    latent, which fresh noise would end.
    """

    basis: Tensor

    def __init__(self, channels: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("basis", torch.zeros(GRAINS, size[0] * size[1]))
        self.amount = nn.Parameter(torch.full((channels,), AMOUNT))

    def forward(self, x: Tensor, latents: Tensor) -> Tensor:
        """Map (N, C, H, W) and (N, latent) to (N, C, H, W)."""
        used = latents[:, :GRAINS]
        grain = (used @ self.basis[: used.shape[1]]).view(-1, 1, *self.size)  # no len(): in ONNX it would be a constant
        return x + grain.to(x.dtype) * self.amount[:, None, None].to(x.dtype)


class Scale(nn.Module):
    """Double the size: nearest neighbour, 3x3 convolution, conditional norm, grain, gated linear unit."""

    def __init__(self, inputs: int, outputs: int, condition: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, 2 * outputs, 3, 1, 1, bias=False)
        self.norm = ConditionalNorm(2 * outputs, condition)
        self.grain = Grain(2 * outputs, size)

    def forward(self, x: Tensor, condition: Tensor, latents: Tensor) -> Tensor:
        """Map (N, in, H, W), (N, k) and (N, latent) to (N, out, 2H, 2W)."""
        wide = self.norm(self.conv(F.interpolate(x, scale_factor=2, mode="nearest")), condition)
        out: Tensor = F.glu(self.grain(wide, latents), 1)
        return out


class Excitation(nn.Module):
    """A coarse map (N, in, h, w) gates the channels of a fine one (N, out, H, W): FastGAN, eq. 1."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, outputs, POOLED, bias=False)
        self.gate = nn.Conv2d(outputs, outputs, 1, bias=False)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """Return the gated fine map."""
        if torch.onnx.is_in_onnx_export():  # the exporter knows no adaptive pooling where it lost track of sizes
            rows, columns = (_averages(int(side)) for side in coarse.shape[2:])
            pooled = rows @ coarse @ columns.T
        else:
            pooled = F.adaptive_avg_pool2d(coarse, POOLED)
        gate = self.gate(F.silu(self.squeeze(pooled)))
        return fine * (2 * torch.sigmoid(gate))


def _averages(side: int) -> Tensor:
    """Return (4, side): what adaptive pooling to 4 does along one side, as a matrix."""
    rows = []
    for place in range(POOLED):
        first, end = place * side // POOLED, -(-(place + 1) * side // POOLED)
        rows.append([1 / (end - first) if first <= column < end else 0.0 for column in range(side)])
    return torch.tensor(rows)


class FewshotGenerator(nn.Module):
    """Latents (N, latent) and classes (N,) to images (N, channels, H, W) in [-1, 1].

    With depth g and s doublings the maps have min(2^(s-i), 8)·g channels after i of them.
    """

    def __init__(
        self, latent: int, depth: int, channels: int, base: tuple[int, int], stages: int, classes: int
    ) -> None:
        super().__init__()
        widths = [depth * min(1 << (stages - i), WIDEST) for i in range(stages + 1)]
        self.base, self.first, self.chunk = base, widths[0], min(CHUNK, latent)
        condition = EMBEDDING + self.chunk
        self.embedding = nn.Embedding(classes, EMBEDDING)
        self.start = nn.Linear(latent + EMBEDDING, 2 * widths[0] * base[0] * base[1])
        self.scales = nn.ModuleList(
            [
                Scale(a, b, condition, (base[0] << (place + 1), base[1] << (place + 1)))
                for place, (a, b) in enumerate(itertools.pairwise(widths))
            ]
        )
        self.skips = nn.ModuleDict(
            {
                str(i + 3): Excitation(widths[i], widths[i + 3])
                for i in range(1, stages - 2)
                if base[0] >= 4 and base[1] >= 4
            }
        )
        self.out = nn.Conv2d(widths[-1], channels, 3, 1, 1)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map (N, latent) and (N,) class numbers (None: class 0) to (N, channels, H, W)."""
        if labels is None:
            labels = torch.zeros(len(latents), dtype=torch.int64, device=latents.device)
        said = self.embedding(labels)
        x = self.start(torch.cat([latents, said], 1)).view(-1, 2 * self.first, *self.base)
        maps = [F.glu(x, 1)]
        for place, scale in enumerate(self.scales):
            # Each scale has numbers of its own, as long as the latent lasts; then it begins again.
            first = (place * self.chunk) % max(latents.shape[1] - self.chunk + 1, 1)
            condition = torch.cat([said, latents[:, first : first + self.chunk]], 1)
            x = scale(maps[-1], condition, latents)
            skip = str(place + 1)
            maps.append(self.skips[skip](maps[place - 2], x) if skip in self.skips else x)
        return torch.tanh(self.out(maps[-1]))
