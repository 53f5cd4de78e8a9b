"""The projected discriminator: small heads that judge what a frozen, pretrained network sees.

Sauer et al. 2021, "Projected GANs Converge Faster" (2111.01007): the frozen network's maps at several scales are
mixed across channels by fixed random weights, and a small discriminator sits on each. Classes enter by projection
(Miyato & Koyama 2018, 1802.05637). The last layer also sees how much the batch varies (minibatch standard deviation:
Karras et al. 2017, 1710.10196), so that images that are all alike give themselves away.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flawforge.models.efficientnet import WIDTHS, Backbone, load_backbone
from flawforge.models.spectral import SpectralConv2d
from flawforge.models.whole_batch import Gather, whole_moments

HALVINGS = {2: 2, 3: 1, 5: 0, 7: 0}  # stage of the frozen network -> halvings of its head: to about 4x4 from 64x64
SEEN = 64  # smaller images are enlarged to this shorter side before the frozen network sees them


class Head(nn.Module):
    """One discriminator: fixed random mixing, strided 4x4 convolutions, a verdict at each place."""

    mixing: Tensor

    def __init__(self, inputs: int, depth: int, halvings: int, classes: int) -> None:
        super().__init__()
        self.gather: Gather | None = None  # see models/whole_batch.py
        self.register_buffer("mixing", torch.zeros(depth, inputs, 1, 1))
        layers: list[nn.Module] = []
        for _ in range(halvings):
            layers += [SpectralConv2d(depth, depth, 4, 2, 1), nn.LeakyReLU(0.2)]
        layers += [SpectralConv2d(depth, depth, 3, 1, 1), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers)
        self.verdict = SpectralConv2d(depth + 1, 1, 3, 1, 1)
        self.embedding = nn.Embedding(classes, depth)

    def forward(self, maps: Tensor, labels: Tensor, batches: int = 1) -> Tensor:
        """Map (N, inputs, h, w) and (N,) to (N, places) logits; for `batches` see `ProjectedDiscriminator`."""
        x = F.conv2d(maps, self.mixing)
        for layer in self.layers:
            x = layer(x, batches) if isinstance(layer, SpectralConv2d) else layer(x)
        projected = (x * self.embedding(labels)[:, :, None, None]).sum(1, keepdim=True) / x.shape[1] ** 0.5
        varied = torch.cat([variation(batch, self.gather) for batch in x.chunk(batches)])
        out: Tensor = self.verdict(torch.cat([x, varied], 1), batches) + projected
        return out.flatten(1)


def variation(x: Tensor, gather: Gather | None = None) -> Tensor:
    """Return (N, 1, h, w): the standard deviation over the batch, mean over channels and places, the same
    everywhere. With `gather`, `x` is one process's part of the batch.
    """
    x32 = x.float()
    variance = x32.var(0, unbiased=False) if gather is None else whole_moments(x32, (0,), gather)[1]
    spread = (variance + 1e-8).sqrt().mean()
    return spread.to(x.dtype).expand(x.shape[0], 1, *x.shape[2:])


class ProjectedDiscriminator(nn.Module):
    """Images (N, 1 or 3, H, W) in [-1, 1] and classes (N,) to logits (N, places), places of all heads in a row.

    The frozen network is loaded at first use and is no part of the state: it is the same for everyone.
    """

    def __init__(self, depth: int, classes: int) -> None:
        super().__init__()
        self.heads = nn.ModuleDict(
            {str(stage): Head(WIDTHS[stage - 1], depth, halvings, classes) for stage, halvings in HALVINGS.items()}
        )
        self._frozen: tuple[Backbone, ...] = ()  # in a tuple, so that it is no submodule

    def forward(self, images: Tensor, labels: Tensor | None = None, batches: int = 1) -> Tensor:
        """Return the logits; a batch without labels is of class 0.

        `batches` of equal size may lie in a row in `images`: the result is that of a call for each in turn, each with
        its own variation and its own power iteration, and the convolutions are done for all at once.
        """
        if labels is None:
            labels = torch.zeros(len(images), dtype=torch.int64, device=images.device)
        if not self._frozen:
            self._frozen = (load_backbone().to(images.device),)
        with torch.autocast(images.device.type, enabled=False):  # its depthwise convolutions are slower in bfloat16
            maps = self._frozen[0].forward_stages(enlarged(images.float()), max(HALVINGS))
        return torch.cat([self.heads[str(stage)](maps[stage - 1], labels, batches) for stage in HALVINGS], 1)


def enlarged(images: Tensor) -> Tensor:
    """Return (N, C, H, W) images whose shorter side is at least 64, enlarged bilinearly by a whole factor."""
    factor = -(-SEEN // min(images.shape[2:]))
    if factor <= 1:
        return images
    return F.interpolate(images, scale_factor=factor, mode="bilinear", align_corners=False)
