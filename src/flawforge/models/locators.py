"""Networks that say where a defect is: images in, a logit for each pixel out.

================  =============================================================================  ===========
name              network                                                                        trained
================  =============================================================================  ===========
``unet``          a small U-Net on the standardised image, at full resolution                    all
``effnet-dense``  two convolutions on frozen EfficientNet-Lite0 maps of strides 2, 4, 8 and 16   these two
module:factory    whatever the user's factory returns                                            all
================  =============================================================================  ===========

All map float images (N, C, H, W) in [-1, 1] to logits (N, 1, H, W), above 0 where a defect is more likely than not.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flawforge.core.errors import SettingError, did_you_mean
from flawforge.core.seeds import torch_stream
from flawforge.core.settings.locators import LOCATORS
from flawforge.models.classifier import from_factory, standardise, with_side
from flawforge.models.efficientnet import SMALLEST, WIDTHS, load_backbone

DEPTHS = (12, 24, 48, 96)  # channels of the U-Net, from full resolution to an eighth of it
STAGES = (1, 2, 3, 5)  # whose maps, of strides 2, 4, 8 and 16, the dense head sees
AROUND = 8  # pixels to each side, whose mean and deviation a pixel is compared with
EVEN = 0.05  # deviation around a pixel, of standardised images, below which there is nothing but noise
MIXED = 32  # channels in which the maps of all strides are added
RARE = 0.01  # share of pixels that a new network takes for defective


class DoubleConvolution(nn.Sequential):
    """Two 3x3 convolutions, each with batch norm and ReLU."""

    def __init__(self, before: int, width: int) -> None:
        super().__init__(
            nn.Conv2d(before, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )


class UNet(nn.Module):
    """A small U-Net, 0.3 M weights: what is halved on the way down is added again, enlarged, on the way up.

    Ronneberger et al. 2015, "U-Net: Convolutional Networks for Biomedical Image Segmentation" (1505.04597), with batch
    norm, and sums in place of concatenation, which a core does in half the time. Sides that eight does not divide are
    mirrored up to the next that it does.

    Args:
        channels: of the images.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        before = (2 * channels, *DEPTHS[:-1])
        self.down = nn.ModuleList(DoubleConvolution(b, width) for b, width in zip(before, DEPTHS, strict=True))
        pairs = list(zip(DEPTHS[1:], DEPTHS[:-1], strict=True))[::-1]
        self.narrow = nn.ModuleList(nn.Conv2d(deep, width, 1) for deep, width in pairs)
        self.up = nn.ModuleList(DoubleConvolution(width, width) for _, width in pairs)
        self.last = nn.Conv2d(DEPTHS[0], 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, C, H, W) to logits (N, 1, H, W)."""
        return self.body(self.prepare(images))

    def prepare(self, images: Tensor) -> Tensor:
        """Return what the layers see of images (N, C, H, W): (N, 2 C, H, W), standardised as a whole, and by the mean
        and deviation around each pixel, so that slow changes of light are no sign of a defect.
        """
        whole, reach = standardise(images), [min(AROUND, side - 1) for side in images.shape[2:]]

        def around(plane: Tensor) -> Tensor:
            padded = F.pad(plane, (reach[1], reach[1], reach[0], reach[0]), mode="reflect")
            return F.avg_pool2d(F.avg_pool2d(padded, (2 * reach[0] + 1, 1), 1), (1, 2 * reach[1] + 1), 1)

        centred = whole - around(whole)
        return torch.cat([whole, centred / (around(centred.square()) + EVEN**2).sqrt()], 1)

    def body(self, x: Tensor) -> Tensor:
        """Map what `prepare` returns, or windows of it, to logits."""
        height, width = map(int, x.shape[2:])
        multiple = 2 ** (len(DEPTHS) - 1)
        pad = (0, -width % multiple, 0, -height % multiple)
        x = F.pad(x, pad, mode="reflect") if any(pad) else x
        kept = []
        for index, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if index else x)
            kept.append(x)
        for narrow, block, fine in zip(self.narrow, self.up, kept[-2::-1], strict=True):
            x = block(fine + F.interpolate(narrow(x), scale_factor=2, mode="nearest"))
        out: Tensor = self.last(x)
        return out[:, :, :height, :width]


class DenseHead(nn.Module):
    """Two convolutions on frozen EfficientNet-Lite0 maps of strides 2, 4, 8 and 16, at stride 2."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = load_backbone()
        widths = [WIDTHS[stage - 1] for stage in STAGES]
        for index, width in enumerate(widths):
            self.register_buffer(f"mean{index}", torch.zeros(1, width, 1, 1))
            self.register_buffer(f"deviation{index}", torch.ones(1, width, 1, 1))
        self.mixing = nn.ModuleList(nn.Conv2d(width, MIXED, 1) for width in widths)
        self.middle = nn.Conv2d(MIXED, MIXED, 3, padding=1)
        self.last = nn.Conv2d(MIXED, 1, 1)

    @torch.no_grad()
    def maps(self, images: Tensor) -> list[Tensor]:
        """Return the maps (N, C, h, w) of (N, 1 or 3, H, W) images; small images are enlarged in proportion first."""
        found = self.backbone.forward_stages(with_side(images, SMALLEST), max(STAGES))
        return [found[stage - 1].float() for stage in STAGES]

    @torch.no_grad()
    def standardise(self, maps: list[Tensor]) -> None:
        """Take mean and deviation of each map, over images and positions, as those that maps are standardised by."""
        for index, found in enumerate(maps):
            getattr(self, f"mean{index}").copy_(found.mean((0, 2, 3), keepdim=True))
            getattr(self, f"deviation{index}").copy_(found.std((0, 2, 3), keepdim=True).clamp_min(1e-6))

    def head(self, maps: list[Tensor], size: tuple[int, int]) -> Tensor:
        """Map what `maps` returns to logits (N, 1, *size)."""
        total: Tensor | None = None
        for index, (found, mix) in enumerate(zip(maps, self.mixing, strict=True)):
            mean, deviation = getattr(self, f"mean{index}"), getattr(self, f"deviation{index}")
            mixed = mix((found - mean) / deviation)
            if total is not None:
                mixed = F.interpolate(mixed, total.shape[2:], mode="bilinear", align_corners=False)
            total = mixed if total is None else total + mixed
        assert total is not None
        x = F.relu(self.middle(F.relu(total)))
        return F.interpolate(self.last(x), size, mode="bilinear", align_corners=False)

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, 1 or 3, H, W) to logits (N, 1, H, W)."""
        height, width = map(int, images.shape[2:])
        return self.head(self.maps(images), (height, width))


def build_locator(name: str, channels: int, resolution: tuple[int, int], seed: int) -> nn.Module:
    """Return an untrained locator, on the CPU in float32.

    Args:
        name: one of `LOCATORS`, or ``module:factory``; the factory is called with (1, channels, resolution) and returns
            a `torch.nn.Module` that maps (N, channels, H, W) to (N, 1, H, W).
        channels: 1 or 3.
        resolution: (height, width) of the images.
        seed: of the first weights (stream ``weights``).

    Raises:
        SettingError: no such model, or a factory that fails or returns another network.
        WeightsMissingError: the package with the feature network's weights is not whole.
    """
    if ":" in name:
        return from_factory(name, 1, channels, resolution, seed, (2, 1, *resolution), "for task locate")
    if name not in LOCATORS:
        raise SettingError(
            f"model is '{name}'; with task 'locate' allowed: {', '.join(LOCATORS)}, or module:factory "
            f"for one of your own.{did_you_mean(name, LOCATORS)}"
        )
    network = UNet(channels) if name == "unet" else DenseHead()
    generator = torch_stream(seed, "weights", "locator")
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d) and layer.weight.requires_grad:
                layer.weight.normal_(0, math.sqrt(2 / layer.weight[0].numel()), generator=generator)
                if layer.bias is not None:
                    layer.bias.zero_()
        network.last.weight.zero_()
        assert network.last.bias is not None
        network.last.bias.fill_(math.log(RARE / (1 - RARE)))
    return network
