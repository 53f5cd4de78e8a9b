"""Spectral normalisation that touches activations instead of weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flawforge.models.matrix_form import convolve, fits_matrix_form, pays, rows

EPSILON = 1e-12
BLOCK = 1 << 19  # numbers of a gradient that are finished at a time: a block stays in the processor's cache
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
    def iterate(self) -> Tensor:
        """Run one power iteration: u = W v / |W v|, v = W^T u / |W^T u| (the order that PyTorch has); return sigma.

        With that v sigma, u^T W v, is |W^T u|.
        """
        matrix = rows(self.weight)
        self.u.copy_(F.normalize(torch.mv(matrix, self._row()), dim=0, eps=EPSILON))
        row = torch.mv(matrix.t(), self.u)
        sigma: Tensor = torch.linalg.vector_norm(row)
        row = row / sigma.clamp_min(EPSILON)
        self.v.copy_(row.view(*self.kernel_size, -1).permute(2, 0, 1).flatten())
        return sigma

    @torch.no_grad()
    def sigma(self) -> Tensor:
        """Return u^T W v as a scalar tensor."""
        return torch.dot(self.u, torch.mv(rows(self.weight), self._row()))

    def forward(self, input: Tensor, batches: int = 1) -> Tensor:
        """Map (N, in, H, W) to (N, out, H', W').

        `batches` of equal size may lie in a row in `input`: the result is that of a call for each in turn, with a
        power iteration for each, and one convolution for all.
        """
        kind, lower = input.device.type, self.weight.dtype
        if torch.is_autocast_enabled(kind):
            lower = torch.get_autocast_dtype(kind)
        with torch.autocast(kind, enabled=False):  # sigma in float32 whatever the products' format
            sigmas, us, vs = [], [], []
            for _ in range(batches):
                sigmas.append(self.iterate() if self.training else self.sigma())
                us.append(self.u.clone())
                vs.append(self._row())
            matrix, scales = _Weight.apply(  # type: ignore[no-untyped-call]
                rows(self.weight), torch.stack(us), torch.stack(vs), torch.stack(sigmas), lower
            )
        out = self._convolve(input, matrix.view(len(matrix), *self.kernel_size, -1).permute(0, 3, 1, 2))
        scaled: Tensor = out * scales.to(out.dtype).repeat_interleave(len(out) // batches)[:, None, None, None]
        return scaled

    def _convolve(self, input: Tensor, weight: Tensor) -> Tensor:
        if fits_matrix_form(self, input) and pays(weight, len(input) * input.shape[2] * input.shape[3] // 4):
            return convolve(input, weight)
        out: Tensor = self._conv_forward(input, weight, None)
        return out

    def _row(self) -> Tensor:
        """Return a copy of v in the order of `rows`: (kh·kw·in,)."""
        return self.v.view_as(self.weight[0]).permute(1, 2, 0).flatten().clone()


class _Weight(torch.autograd.Function):
    """A weight (out, n) in the format of the products, and 1 / sigma for each of B pairs of u and v, (B, out) and
    (B, n).

    The gradient of sigma = u^T W v is u v^T, as large as the weight. Here it joins what comes through the products in
    one pass over the memory, a block of rows after the other, instead of a pass for each pair and each sum.
    """

    @staticmethod
    def forward(
        ctx: Any, matrix: Tensor, us: Tensor, vs: Tensor, sigmas: Tensor, lower: torch.dtype
    ) -> tuple[Tensor, Tensor]:
        """Return (out, n) in format `lower`, and (B,)."""
        ctx.save_for_backward(us, vs, sigmas)
        ctx.dtype = matrix.dtype
        return matrix.to(lower).view_as(matrix), sigmas.reciprocal()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, products: Tensor, scales: Tensor) -> tuple[Tensor | None, ...]:
        """Add up g + sum of (-scale's gradient / sigma^2) u v^T."""
        us, vs, sigmas = ctx.saved_tensors
        left = us * (-scales / sigmas.square())[:, None]
        return concatenated(products, left, vs, ctx.dtype), None, None, None, None


def concatenated(products: Tensor, left: Tensor, vs: Tensor, dtype: torch.dtype) -> Tensor:
    """Return products (out, n) in a format, plus the sum over B pairs of left (B, out) times vs (B, n)."""
    if products.device.type != "cpu":  # every call is a launch there, and no cache is to be kept: one for all
        return torch.addmm(products.to(dtype), left.t(), vs)
    out = torch.empty(products.shape, dtype=dtype)
    step = max(1, BLOCK // out.shape[1])
    for first in range(0, len(out), step):
        block = out[first : first + step].copy_(products[first : first + step])
        for u, v in zip(left, vs, strict=True):
            block.addr_(u[first : first + step], v)
    return out
