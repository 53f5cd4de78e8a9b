"""The generator of recipe `native`: it refines composed images, of any size, at their own scale.

A composed image is sharp from the first step, and what is wrong in it is learnt: borders between joined details,
texture that was scaled with the light, light that the class never has. Two networks add to it. A coarse one sees the
whole image at the recipe's resolution, and a latent (a U-net: Ronneberger et al. 2015, 1505.04597; classes and latent
scale and shift its maps: Perez et al. 2018, 1709.07871). A fine one sees it pixel by pixel after that, with a map of
noise, and is fully convolutional, so that it learns from patches and is applied to whole images. It has no strides
(dilated convolutions: Yu & Koltun 2016, 1511.07122): a network that knows even columns from odd ones weaves a grid of
two pixels into each image. What it adds has no local mean, as the light is the coarse network's: else it overexposes
whole regions, patch by patch. Both networks begin by adding next to nothing (residual learning: Zhang et al. 2017,
1608.03981).

The discriminator is the projected one, which is shown patches at native scale and whole images at the same number of
pixels (patches: Isola et al. 2017, 1611.07004); for it they are different classes.
"""

from __future__ import annotations

import itertools
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EMBEDDING = 32  # numbers that say a class
HALVINGS = 3  # of the coarse network, at most
WIDEST = 4  # times the depth: no map of the coarse network has more channels
DILATIONS = (1, 2, 4)  # of the fine network's blocks
LIGHT = 17  # pixels over which what the fine network adds has no mean
START = 0.05  # of what a last layer would add untrained, were it drawn as the others are


class NativeInputs(NamedTuple):
    """What N images are made from in training: their composed images, and a patch of each.

    Attributes:
        whole: (N, C, h, w) composed images at the recipe's resolution.
        patches: (N, C, h, w) a patch of each at native scale.
        places: (N, 4) top and left of the patch, height and width of the image that it was cut from, in pixels.
        latents: (N, L).
        noise: (N, 1, h, w) noise of each patch.
    """

    whole: Tensor
    patches: Tensor
    places: Tensor
    latents: Tensor
    noise: Tensor


class LastConv2d(nn.Conv2d):
    """A 3x3 convolution whose output is added to an image: it begins small (`flawforge.models.build.initialise`)."""

    def __init__(self, inputs: int, outputs: int, padding_mode: Literal["zeros", "replicate"] = "zeros") -> None:
        super().__init__(inputs, outputs, 3, 1, 1, padding_mode=padding_mode)


class Modulation(nn.Module):
    """Scale and shift maps (N, C, h, w) by what is linear in a condition (N, k)."""

    def __init__(self, channels: int, condition: int) -> None:
        super().__init__()
        self.linear = nn.Linear(condition, 2 * channels)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Return maps of the same shape."""
        scale, shift = self.linear(condition)[:, :, None, None].chunk(2, 1)
        out: Tensor = x * (1 + scale) + shift
        return out


class Coarse(nn.Module):
    """Whole images (N, C, h, w) and conditions (N, k) to what is added to them, (N, C, h, w); with `beside` more
    channels in what it sees.
    """

    def __init__(self, depth: int, channels: int, condition: int, halvings: int, beside: int = 0) -> None:
        super().__init__()
        widths = [depth * min(1 << place, WIDEST) for place in range(halvings + 1)]
        pairs = list(itertools.pairwise(widths))
        self.first = nn.Conv2d(channels + beside, depth, 3, 1, 1)
        self.down = nn.ModuleList([nn.Conv2d(wide, narrow, 4, 2, 1) for wide, narrow in pairs])
        self.up = nn.ModuleList([nn.Conv2d(narrow, wide, 3, 1, 1) for wide, narrow in reversed(pairs)])
        self.down_by = nn.ModuleList([Modulation(width, condition) for width in widths[1:]])
        self.up_by = nn.ModuleList([Modulation(width, condition) for width in widths[-2::-1]])
        self.last = LastConv2d(depth, channels)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Return the difference."""
        x, kept = self.first(x), []
        for conv, by in zip(self.down, self.down_by, strict=True):
            kept.append(x)
            x = F.silu(by(conv(x), condition))
        for conv, by in zip(self.up, self.up_by, strict=True):
            x = F.silu(by(conv(F.interpolate(x, scale_factor=2, mode="nearest")), condition)) + kept.pop()
        out: Tensor = self.last(x)
        return out


class Fine(nn.Module):
    """Images (N, C, H, W), conditions (N, k) and noise (N, 1, H, W) to what is added to them, (N, C, H, W); with
    `beside` more channels in what it sees.
    """

    def __init__(self, width: int, channels: int, condition: int, beside: int = 0) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels + beside + 1, width, 3, 1, 1, padding_mode="replicate")
        self.blocks = nn.ModuleList(
            [nn.Conv2d(width, width, 3, 1, apart, apart, padding_mode="replicate") for apart in DILATIONS]
        )
        self.by = nn.ModuleList([Modulation(width, condition) for _ in DILATIONS])
        self.last = LastConv2d(width, channels, "replicate")

    def forward(self, x: Tensor, condition: Tensor, noise: Tensor) -> Tensor:
        """Return the difference."""
        x = self.first(torch.cat([x, noise.to(x.dtype)], 1))
        for conv, by in zip(self.blocks, self.by, strict=True):
            x = x + F.silu(by(conv(x), condition))
        out: Tensor = self.last(x)
        return out - local_mean(out)


def local_mean(x: Tensor) -> Tensor:
    """Return the mean of (N, C, H, W) over squares of 17 pixels, float32; at a border the last pixel goes on.

    By cumulative sums: averaging 17 pixels anew for each takes ten times as long.
    """
    before, after = LIGHT // 2 + 1, LIGHT // 2
    x = F.pad(x.float(), (before, after, before, after), mode="replicate")
    for axis in (2, 3):
        sums, many = x.cumsum(axis), x.shape[axis] - LIGHT
        x = (sums.narrow(axis, LIGHT, many) - sums.narrow(axis, 0, many)) / LIGHT
    return x


class NativeGenerator(nn.Module):
    """In training: composed images to patches and whole images; else: see `refine`.

    Args:
        latent: numbers in a latent.
        depth: channels of the fine network's maps, and of the coarse network's first ones.
        channels: 1 or 3.
        stages: how often the recipe's resolution can be halved to about 4.
        classes: how many there are.
        beside: further channels that both networks see.
    """

    def __init__(self, latent: int, depth: int, channels: int, stages: int, classes: int, beside: int = 0) -> None:
        super().__init__()
        self.embedding = nn.Embedding(classes, EMBEDDING)
        self.coarse = Coarse(depth, channels, EMBEDDING + latent, min(HALVINGS, stages), beside)
        self.fine = Fine(depth, channels, EMBEDDING, beside)

    def forward(self, inputs: NativeInputs, labels: Tensor) -> Tensor:
        """Return (2N, C, h, w): of each image the refined patch, then the refined whole image; `labels` are (2N,), as
        `patch_labels` gives them.
        """
        said = self.embedding(labels[1::2])
        added = self.coarse(inputs.whole, torch.cat([said, inputs.latents], 1))
        patches = inputs.patches + sampled(added, inputs.places, inputs.patches.shape[2:])
        return in_turn(patches + self.fine(patches, said, inputs.noise), inputs.whole + added)

    def refine(self, image: Tensor, whole: Tensor, label: Tensor, latents: Tensor, noise: Tensor) -> Tensor:
        """Return one composed image (1, C, H, W) refined, not clipped.

        Args:
            image: in [-1, 1], of any size.
            whole: (1, C, h, w) the image at the recipe's resolution.
            label: (1,) its class.
            latents: (1, L).
            noise: (1, 1, H, W).
        """
        said = self.embedding(label)
        added = self.coarse(whole, torch.cat([said, latents], 1))
        image = image + F.interpolate(added, image.shape[2:], mode="bilinear", align_corners=False)
        refined: Tensor = image + self.fine(image, said, noise)
        return refined


def draw_noise(count: int, size: tuple[int, int], generator: torch.Generator) -> Tensor:
    """Return (count, 1, H, W) noise for images of a size (H, W)."""
    return torch.randn(count, 1, *size, generator=generator)


def patch_labels(labels: Tensor, classes: int) -> Tensor:
    """Return (2N,) labels of N classes: of the patch and the whole image in turn, told apart by the discriminator."""
    return in_turn(labels + classes, labels)


def in_turn(patches: Tensor, whole: Tensor) -> Tensor:
    """Return (2N, ...): a patch and its whole image in turn, so that a part of a batch is whole in itself."""
    return torch.stack([patches, whole], 1).flatten(0, 1)


def sampled(maps: Tensor, places: Tensor, size: torch.Size) -> Tensor:
    """Return (N, C, h, w): what a patch shows of maps (N, C, H', W') that are enlarged bilinearly to a whole image.

    Args:
        maps: of the whole images.
        places: as in `NativeInputs`.
        size: (h, w) of the patches.
    """
    rows, columns = (torch.arange(side, device=maps.device) + 0.5 for side in size)
    top, left, height, width = places[:, :, None].unbind(1)
    y, x = (top + rows) / height * 2 - 1, (left + columns) / width * 2 - 1
    shape = len(places), size[0], size[1]
    grid = torch.stack([x[:, None, :].expand(shape), y[:, :, None].expand(shape)], 3)
    return F.grid_sample(maps.float(), grid, mode="bilinear", padding_mode="border", align_corners=False)
