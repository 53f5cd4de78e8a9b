"""The published experiment, transcribed as plainly as it is described: the yardstick that we time and check
ourselves against.

Nothing here is tuned, and nothing of it is used by the package. Layers, losses and the order of a step are those of the
specification of `dcgan-sn`; spectral norm is PyTorch's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from flawforge.models.dcgan import DCDiscriminator, DCGenerator


def plain_generator(depth: int = 64, channels: int = 3, latent: int = 100) -> nn.Sequential:
    """Return the generator for 128x128: latents (N, latent, 1, 1) to images (N, channels, 128, 128)."""
    layers: list[nn.Module] = []
    widths = [latent, 16 * depth, 8 * depth, 4 * depth, 2 * depth, depth]
    for place, (before, after) in enumerate(pairwise(widths)):
        stride, padding = (1, 0) if place == 0 else (2, 1)
        layers += [nn.ConvTranspose2d(before, after, 4, stride, padding, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers, nn.ConvTranspose2d(depth, channels, 4, 2, 1, bias=False), nn.Tanh())


def plain_discriminator(depth: int = 128, channels: int = 3) -> nn.Sequential:
    """Return the discriminator for 128x128: images (N, channels, 128, 128) to probabilities (N, 1, 1, 1)."""
    layers: list[nn.Module] = []
    widths = [channels, depth, 2 * depth, 4 * depth, 8 * depth, 16 * depth]
    for place, (before, after) in enumerate(pairwise(widths)):
        layers.append(spectral_norm(nn.Conv2d(before, after, 4, 2, 1, bias=False)))
        if place > 0:
            layers.append(nn.BatchNorm2d(after))
        layers.append(nn.LeakyReLU(0.2))
    return nn.Sequential(*layers, nn.Conv2d(16 * depth, 1, 4, 1, 0, bias=False), nn.Sigmoid())


@dataclass
class PlainLoop:
    """The two networks, their optimisers and one step."""

    generator: nn.Sequential
    discriminator: nn.Sequential

    def __post_init__(self) -> None:
        """Make the optimisers."""
        self.adam_g = torch.optim.Adam(self.generator.parameters(), lr=1e-4, betas=(0.5, 0.999))
        self.adam_d = torch.optim.Adam(self.discriminator.parameters(), lr=4e-4, betas=(0.5, 0.999))
        self.loss = nn.BCELoss()

    def step(self, real: Tensor, latents: Tensor) -> tuple[float, float]:
        """Train on real images (N, C, 128, 128) and latents (N, L); return both losses, the discriminator's first."""
        ones, zeros = real.new_ones(len(real)), real.new_zeros(len(real))

        self.discriminator.zero_grad()
        loss_real = self.loss(self.discriminator(real).view(-1), ones)
        loss_real.backward()

        fake = self.generator(latents[:, :, None, None])
        loss_fake = self.loss(self.discriminator(fake.detach()).view(-1), zeros)
        loss_fake.backward()
        self.adam_d.step()

        self.generator.zero_grad()
        loss_g = self.loss(self.discriminator(fake).view(-1), ones)
        loss_g.backward()
        self.adam_g.step()
        return float((loss_real + loss_fake).detach()), float(loss_g.detach())


@torch.no_grad()
def copy_weights(generator: DCGenerator, discriminator: DCDiscriminator, plain: PlainLoop) -> None:
    """Give the plain loop the weights, statistics and spectral vectors of our networks."""
    plain.generator.load_state_dict({k.removeprefix("layers."): v for k, v in generator.state_dict().items()})
    state = {}
    for key, value in discriminator.state_dict().items():
        name = key.removeprefix("layers.")
        place, part = name.split(".", 1)
        if part == "weight" and f"layers.{place}.u" in discriminator.state_dict():
            name = f"{place}.parametrizations.weight.original"
        elif part in ("u", "v"):
            name = f"{place}.parametrizations.weight.0._{part}"
        state[name] = value
    plain.discriminator.load_state_dict(state)
