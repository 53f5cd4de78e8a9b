"""The 4x4 convolution with stride 2 and padding 1, and its transpose, as matrix products.

Libraries are built for kernels that are small beside the images. In a deep layer it is the other way round: 33 million
weights act on 4x4 positions, and most of the time goes into bringing the weights into the library's own order, forth
for the product and back for the gradient. As the product of unfolded images (positions, 16·in) with the weights
(out, 16·in) as they lie in memory, nothing is brought anywhere. docs/decisions/step-speed.md has the times.

Weights are expected channels-last: in any other layout the results are the same and the weights are copied first.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

KERNEL, STRIDE, PADDING = 4, 2, 1
# Positions for each channel above which the library's own form is faster (measured): in bfloat16, and in float32, where
# its convolutions run at twice the rate of its matrix products.
MOST_LOWER, MOST_FLOAT32 = 2.0, 0.5


def pays(weight: Tensor, positions: int) -> bool:
    """Say whether the matrix form is the faster one: on a processor, where the small side of the layer has few
    positions (those of all images of the batch) beside its channels, the weight's first dimension.
    """
    if weight.device.type != "cpu":
        return False
    lower = weight.dtype == torch.bfloat16 or torch.is_autocast_enabled("cpu")
    return positions <= (MOST_LOWER if lower else MOST_FLOAT32) * weight.shape[0]


def fits_matrix_form(layer: nn.Conv2d, images: Tensor) -> bool:
    """Say whether `convolve` does what the layer does with these images: 4x4, stride 2, padding 1, even sides."""
    shape = (layer.kernel_size, layer.stride, layer.padding)
    return shape == ((KERNEL,) * 2, (STRIDE,) * 2, (PADDING,) * 2) and not any(side % 2 for side in images.shape[2:])


class UpConv2d(nn.ConvTranspose2d):
    """A transposed 4x4 convolution with stride 2 and padding 1, without bias, in the faster form."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, KERNEL, STRIDE, PADDING, bias=False)

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Map (N, in, h, w) to (N, out, 2h, 2w)."""
        count, _, height, width = input.shape
        if self.training and pays(self.weight, count * height * width):
            return convolve_transposed(input, self.weight)
        return super().forward(input)


def convolve(images: Tensor, weight: Tensor) -> Tensor:
    """Return ``F.conv2d(images, weight, stride=2, padding=1)`` of (N, in, H, W), H and W even, and (out, in, 4, 4).

    The result (N, out, H/2, W/2) is channels-last.
    """
    count, _, height, width = images.shape
    columns: Tensor = Unfold.apply(images)  # type: ignore[no-untyped-call]
    out = F.linear(columns, rows(weight))
    return out.view(count, height // 2, width // 2, -1).permute(0, 3, 1, 2)


def convolve_transposed(images: Tensor, weight: Tensor) -> Tensor:
    """Return ``F.conv_transpose2d(images, weight, stride=2, padding=1)`` of (N, in, h, w) and (in, out, 4, 4).

    The result (N, out, 2h, 2w) is channels-last.
    """
    count, _, height, width = images.shape
    columns = F.linear(images.permute(0, 2, 3, 1).flatten(0, 2), rows(weight).t())
    out: Tensor = Fold.apply(columns, (count, weight.shape[1], 2 * height, 2 * width))  # type: ignore[no-untyped-call]
    return out


def rows(weight: Tensor) -> Tensor:
    """Return the weight (a, b, 4, 4) as a matrix (a, 4·4·b): a view of a channels-last one."""
    return weight.permute(0, 2, 3, 1).flatten(1)


class Unfold(torch.autograd.Function):
    """Images (N, C, H, W) to the 4x4 windows, (N·H/2·W/2, 4·4·C); its gradient is `Fold`, and the other way round."""

    @staticmethod
    def forward(ctx: Any, images: Tensor) -> Tensor:
        """Copy each window: rows of 4·C numbers that lie next to each other in channels-last images."""
        count, channels, height, width = ctx.shape = images.shape
        padded = F.pad(images.permute(0, 2, 3, 1), (0, 0, PADDING, PADDING, PADDING, PADDING))
        image, row, column, channel = padded.stride()
        size = (count, height // 2, width // 2, KERNEL, KERNEL, channels)
        windows = padded.as_strided(size, (image, STRIDE * row, STRIDE * column, row, column, channel))
        return windows.reshape(-1, KERNEL * KERNEL * channels)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        out: Tensor = Fold.apply(gradients[0], ctx.shape)  # type: ignore[no-untyped-call]
        return out


class Fold(torch.autograd.Function):
    """Windows (N·H/2·W/2, 4·4·C) added up where they overlap, to channels-last images (N, C, H, W)."""

    @staticmethod
    def forward(ctx: Any, columns: Tensor, shape: tuple[int, int, int, int]) -> Tensor:
        """Add four shifted copies: row y of a window's 4 lies in block y // 2 after the window's own, at y % 2."""
        count, channels, height, width = shape
        tall, wide = height // 2, width // 2
        windows = columns.view(count, tall, wide, 2, 2, 2, 2, channels)
        blocks = columns.new_zeros(count, tall + 1, 2, wide + 1, 2, channels)
        for down in (0, 1):
            for right in (0, 1):
                # (N, tall, wide, 2, 2, C): the quarter of each window that falls `down` and `right`
                quarter = windows[:, :, :, down, :, right].permute(0, 1, 3, 2, 4, 5)
                blocks[:, down : down + tall, :, right : right + wide] += quarter
        padded = blocks.view(count, height + 2, width + 2, channels)
        inner = padded[:, PADDING:-PADDING, PADDING:-PADDING].permute(0, 3, 1, 2)
        return inner.contiguous(memory_format=torch.channels_last)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return Unfold.apply(gradients[0]), None  # type: ignore[no-untyped-call]
