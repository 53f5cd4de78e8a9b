"""Spectral normalisation that touches activations instead of weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EPSILON = 1e-12
WARM_UP = 15  # power iterations at the start, as torch.nn.utils.parametrizations.spectral_norm does


class SpectralConv2d(nn.Conv2d):
    """A convolution without bias whose weight, as an (out, in·kh·kw) matrix, is divided by its largest singular value.

    Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks" (1802.05957), algorithm 1: one
    power iteration for each forward pass in training mode, none in evaluation mode; sigma = u^T W v with u and v held
    constant for the gradient. A convolution without bias is linear in its weight, so conv(x, W / sigma) = conv(x, W)
    / sigma: the same function and the same gradients, without a pass over all weights to divide them and another to
    differentiate the division. Results differ from ``torch.nn.utils.parametrizations.spectral_norm`` by rounding.

    Buffers: ``u`` (out,) and ``v`` (in·kh·kw,), float32, part of the state.
    """

    u: Tensor
    v: Tensor

    def __init__(self, inputs: int, outputs: int, kernel: int | tuple[int, int], stride: int, padding: int) -> None:
        super().__init__(inputs, outputs, kernel, stride=stride, padding=padding, bias=False)
        rows, columns = self.weight.shape[0], self.weight[0].numel()
        self.register_buffer("u", torch.ones(rows) / rows**0.5)
        self.register_buffer("v", torch.ones(columns) / columns**0.5)

    @torch.no_grad()
    def start_vectors(self, generator: torch.Generator) -> None:
        """Draw u and v from N(0, 1) and run the warm-up iterations."""
        self.u.normal_(generator=generator)
        self.v.normal_(generator=generator)
        self.u.copy_(F.normalize(self.u, dim=0, eps=EPSILON))
        for _ in range(WARM_UP):
            self.iterate()

    @torch.no_grad()
    def iterate(self) -> None:
        """Run one power iteration: u = W v / |W v|, v = W^T u / |W^T u| (the order that PyTorch has)."""
        matrix = self.weight.detach().flatten(1)
        self.u.copy_(F.normalize(torch.mv(matrix, self.v), dim=0, eps=EPSILON))
        self.v.copy_(F.normalize(torch.mv(matrix.t(), self.u), dim=0, eps=EPSILON))

    def sigma(self) -> Tensor:
        """Return u^T W v as a scalar tensor; its gradient reaches the weight."""
        return torch.dot(self.u.clone(), torch.mv(self.weight.flatten(1), self.v.clone()))

    def forward(self, input: Tensor) -> Tensor:
        """Map (N, in, H, W) to (N, out, H', W')."""
        with torch.autocast(input.device.type, enabled=False):  # sigma in float32 whatever the products' format
            if self.training:
                self.iterate()
            sigma = self.sigma()
        out: Tensor = super().forward(input)
        return out / sigma.to(out.dtype)
