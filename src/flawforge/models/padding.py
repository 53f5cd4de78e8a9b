"""Convolution with TensorFlow's "same" padding."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


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
        top, bottom = same_padding(input.shape[2], kernel, stride)
        left, right = same_padding(input.shape[3], kernel, stride)
        if (top, left) != (bottom, right):
            if self.groups > 1:
                weight = F.pad(weight, (right - left, 0, bottom - top, 0))
            else:
                input = F.pad(input, (left, right, top, bottom))
                bottom = right = 0
        return F.conv2d(input, weight, self.bias, self.stride, (bottom, right), 1, self.groups)
