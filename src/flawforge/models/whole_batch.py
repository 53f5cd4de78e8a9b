"""What a network works out over the whole batch, when each of several processes holds a part of it.

Batch norm (Ioffe & Szegedy 2015, 1502.03167) and the minibatch standard deviation are functions of all images of a
batch, and gradients flow through them from every image to every other. With the parts on several processes the means
and variances of the parts are exchanged, differentiably, and put together (Chan et al. 1983, "Algorithms for Computing
the Sample Variance", eq. 2.1); the parts are equally large. PyTorch's own SyncBatchNorm runs on GPUs only.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

Gather = Callable[[Tensor], Tensor]
"""From a tensor of any shape to (processes, *shape), the same on all processes; the gradient goes through. It stands
as None where one process holds the whole batch."""


def whole_moments(x: Tensor, axes: tuple[int, ...], gather: Gather) -> tuple[Tensor, Tensor, int]:
    """Return the mean and the variance (not unbiased) over `axes`, the batch among them, of all processes' parts, and
    over how many numbers each is.
    """
    variance, mean = torch.var_mean(x, axes, correction=0)
    means, variances = gather(torch.stack([mean, variance])).unbind(1)
    count = len(means) * x.numel() // mean.numel()
    return means.mean(0), variances.mean(0) + means.var(0, correction=0), count


def deviation(x: Tensor, gather: Gather | None) -> Tensor:
    """Return the standard deviation (C, H, W) over the whole batch, of which `x` (N, C, H, W) is a part."""
    if gather is None:
        return x.std(0)
    _, variance, count = whole_moments(x, (0,), gather)
    return (variance * count / (count - 1)).sqrt()


def deviation_within(x: Tensor, labels: Tensor, gather: Gather | None) -> Tensor:
    """Return the standard deviation (C, H, W) within classes over the whole batch, of which `x` (N, C, H, W), with the
    classes `labels` (N,), is a part. Some class comes twice or more often.
    """
    whole = labels if gather is None else gather(labels).flatten()
    alike = whole[:, None] == whole
    counts, firsts = alike.sum(1), alike.int().argmax(1)  # a class has the row of its first image: `unique` would wait
    rows = (labels[:, None] == whole).int().argmax(1)
    sums = x.new_zeros((len(whole), *x.shape[1:])).index_add_(0, rows, x)
    means = (sums if gather is None else gather(sums).sum(0)) / counts[:, None, None, None]
    squares = (x - means[rows]).square().sum(0)
    classes = (firsts == torch.arange(len(whole), device=x.device)).sum()
    return ((squares if gather is None else gather(squares).sum(0)) / (len(whole) - classes)).sqrt()


class WholeBatchNorm2d(nn.BatchNorm2d):
    """Batch norm with the statistics of the whole batch, of which each process holds a part.

    Parameters and buffers are those of the layer that it takes the place of; in evaluation mode it is that layer.
    Statistics are float32 (float64 for float64 maps) whatever the format of the maps.

    Args:
        layer: the layer whose place it takes.
        gather: see `Gather`.
    """

    def __init__(self, layer: nn.BatchNorm2d, gather: Gather) -> None:
        super().__init__(layer.num_features, layer.eps, layer.momentum, layer.affine, layer.track_running_stats)
        self._parameters, self._buffers = layer._parameters, layer._buffers
        self.training = layer.training
        self.gather = gather

    def forward(self, input: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape and format."""
        if not self.training:
            return super().forward(input)
        x = input if input.dtype == torch.float64 else input.float()
        mean, variance, count = whole_moments(x, (0, 2, 3), self.gather)
        self._remember(mean, variance * (count / (count - 1)))
        scale = torch.rsqrt(variance + self.eps)
        if self.affine:
            scale = scale * self.weight
        shift = -mean * scale
        if self.affine:
            shift = shift + self.bias
        return torch.addcmul(shift[:, None, None], x, scale[:, None, None]).to(input.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        momentum = self.momentum if self.momentum is not None else 1.0 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), momentum)
        self.running_var.lerp_(variance.to(self.running_var.dtype), momentum)


def span(network: nn.Module, gather: Gather) -> None:
    """Make everything in `network` that looks across the batch look across all processes' parts of it, in place.

    These are the layers of batch norm, and the modules that have an attribute ``gather``.
    """
    for parent in list(network.modules()):
        if hasattr(parent, "gather"):
            parent.gather = gather  # type: ignore[assignment]
        for name, child in list(parent.named_children()):
            if type(child) is nn.BatchNorm2d:
                setattr(parent, name, WholeBatchNorm2d(child, gather))
