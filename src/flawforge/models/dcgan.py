"""The generator and discriminator of the published experiment, at any depth and size.

Radford et al. 2015, "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks"
(1511.06434), with spectral norm on every convolution of the discriminator but the last. Every convolution is 4x4
without bias, but for the one next to the latent vector (generator) or the verdict (discriminator), whose kernel is the
smallest feature map: 4x4 for square powers of two, 6x10 for 96x160.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from flawforge.models.matrix_form import UpConv2d
from flawforge.models.spectral import SpectralConv2d


class DCGenerator(nn.Module):
    """Latent vectors (N, latent) to images (N, channels, H, W) in [-1, 1].

    With depth g and s stages (5 for 128x128): ConvT latent → 2^(s-1)·g with the base as kernel; then s - 1 times
    ConvT that halves the channels and doubles the size, each followed by batch norm and ReLU; then ConvT g →
    channels, Tanh.
    """

    def __init__(self, latent: int, depth: int, channels: int, base: tuple[int, int], stages: int) -> None:
        super().__init__()
        widths = [depth << (stages - 1 - i) for i in range(stages)]
        layers: list[nn.Module] = [nn.ConvTranspose2d(latent, widths[0], base, 1, 0, bias=False)]
        for before, after in itertools.pairwise(widths):
            layers += [nn.BatchNorm2d(before), nn.ReLU(inplace=True)]
            layers += [UpConv2d(before, after)]
        layers += [nn.BatchNorm2d(widths[-1]), nn.ReLU(inplace=True)]
        layers += [nn.ConvTranspose2d(widths[-1], channels, 4, 2, 1, bias=False), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map (N, latent) to (N, channels, H, W); it knows no classes."""
        out: Tensor = self.layers(latents[:, :, None, None])
        return out


class DCDiscriminator(nn.Module):
    """Images (N, channels, H, W) in [-1, 1] to logits (N,); the sigmoid of a logit is the published output D(x).

    With depth d and s stages: Conv channels → d, LeakyReLU 0.2; then s - 1 times Conv that doubles the channels and
    halves the size, batch norm, LeakyReLU 0.2; then Conv 2^(s-1)·d → 1 with the base as kernel.
    """

    def __init__(self, depth: int, channels: int, base: tuple[int, int], stages: int) -> None:
        super().__init__()
        widths = [depth << i for i in range(stages)]
        layers: list[nn.Module] = [SpectralConv2d(channels, depth, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)]
        for before, after in itertools.pairwise(widths):
            layers += [SpectralConv2d(before, after, 4, 2, 1), nn.BatchNorm2d(after), nn.LeakyReLU(0.2, inplace=True)]
        layers += [nn.Conv2d(widths[-1], 1, base, 1, 0, bias=False)]
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor, labels: Tensor | None = None, batches: int = 1) -> Tensor:
        """Map (N, channels, H, W) to (N,) logits; it knows no classes.

        `batches` of equal size may lie in a row in `images`: the result is that of a call for each in turn, each with
        its own statistics in batch norm and its own power iteration, and the convolutions are done for all at once.
        """
        x = images
        for layer in self.layers:
            if isinstance(layer, SpectralConv2d):
                x = layer(x, batches)
            elif isinstance(layer, nn.BatchNorm2d) and batches > 1:
                x = torch.cat([layer(batch) for batch in x.chunk(batches)])
            else:
                x = layer(x)
        return x.flatten()
