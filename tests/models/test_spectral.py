from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from flawforge.core.seeds import torch_stream
from flawforge.models import spectral
from flawforge.models.build import initialise
from flawforge.models.spectral import SpectralConv2d


def ours(seed: int = 0) -> SpectralConv2d:
    layer = SpectralConv2d(3, 8, 4, 2, 1)
    initialise(nn.Sequential(layer), torch_stream(seed, "weights"))
    return layer


def torchs(like: SpectralConv2d) -> nn.Module:
    layer = spectral_norm(nn.Conv2d(3, 8, 4, 2, 1, bias=False))
    state = {
        "parametrizations.weight.original": like.weight,
        "parametrizations.weight.0._u": like.u,
        "parametrizations.weight.0._v": like.v,
    }
    layer.load_state_dict({key: value.detach().clone() for key, value in state.items()})
    return layer


@pytest.mark.parametrize("block", [spectral.BLOCK, 100])
def test_output_gradient_and_vectors_are_those_of_torch_over_several_passes(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spectral, "BLOCK", block)  # 100: two rows of the gradient at a time
    mine = ours().double()
    reference = torchs(mine).double()
    for step in range(4):
        x = torch.randn(2, 3, 16, 16, dtype=torch.float64, generator=torch_stream(1, "samples", step))
        mine_x, reference_x = x.clone().requires_grad_(), x.clone().requires_grad_()
        a, b = mine(mine_x), reference(reference_x)
        torch.testing.assert_close(a, b)
        a.square().sum().backward()
        b.square().sum().backward()
        torch.testing.assert_close(mine_x.grad, reference_x.grad)
    torch.testing.assert_close(mine.weight.grad, reference.parametrizations.weight.original.grad)  # type: ignore[union-attr]
    torch.testing.assert_close(mine.u, reference.parametrizations.weight[0]._u)  # type: ignore[index]


def test_sigma_is_the_largest_singular_value_after_the_warm_up() -> None:
    layer = ours()
    for _ in range(200):
        layer.iterate()
    exact = torch.linalg.matrix_norm(layer.weight.detach().flatten(1), ord=2)
    torch.testing.assert_close(layer.sigma(), exact, rtol=1e-4, atol=0)


def test_evaluation_turns_no_vector() -> None:
    layer = ours().eval()
    before = layer.u.clone()
    first = layer(torch.ones(1, 3, 8, 8))
    assert torch.equal(layer(torch.ones(1, 3, 8, 8)), first)
    assert torch.equal(layer.u, before)


def test_sigma_stays_float32_under_autocast() -> None:
    layer = ours()
    with torch.autocast("cpu", torch.bfloat16):
        out = layer(torch.ones(1, 3, 8, 8))
    assert out.dtype == torch.bfloat16
    assert layer.sigma().dtype == torch.float32
