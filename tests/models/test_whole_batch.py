from __future__ import annotations

import copy
from functools import partial

import pytest
import torch
from torch import nn

from flawforge.models.whole_batch import WholeBatchNorm2d, deviation, span
from flawforge.training.processes.processes import Processes
from in_threads import in_threads

SHAPE = (6, 3, 4, 5)


def a_layer(affine: bool = True, momentum: float | None = 0.1) -> nn.BatchNorm2d:
    layer = nn.BatchNorm2d(3, affine=affine, momentum=momentum).double()
    if affine:
        with torch.no_grad():
            layer.weight.copy_(torch.tensor([0.5, 1.0, 2.0]))
            layer.bias.copy_(torch.tensor([-1.0, 0.0, 1.0]))
    return layer


@pytest.mark.parametrize(("affine", "momentum"), [(True, 0.1), (False, 0.1), (True, None)])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_batch_norm_over_parts_is_that_of_the_whole(affine: bool, momentum: float | None, count: int) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(SHAPE, generator=generator, dtype=torch.float64) * 3 + 100
    toward = torch.randn(SHAPE, generator=generator, dtype=torch.float64)
    whole, x_whole = a_layer(affine, momentum), x.clone().requires_grad_()
    y = whole(x_whole)
    (y * toward).sum().backward()

    def part(processes: Processes) -> tuple[WholeBatchNorm2d, torch.Tensor, torch.Tensor]:
        assert processes.across is not None
        layer = WholeBatchNorm2d(a_layer(affine, momentum), processes.across)
        mine = processes.mine(x).clone().requires_grad_()
        out = layer(mine)
        (out * processes.mine(toward)).sum().backward()
        return layer, out.detach(), mine.grad  # type: ignore[return-value]

    parts = in_threads(count, part)
    torch.testing.assert_close(torch.cat([out for _, out, _ in parts]), y.detach(), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(torch.cat([grad for *_, grad in parts]), x_whole.grad, rtol=1e-6, atol=1e-10)
    for layer, _, _ in parts:
        torch.testing.assert_close(dict(layer.named_buffers()), dict(whole.named_buffers()), rtol=1e-9, atol=1e-12)
    if affine:
        for name in ("weight", "bias"):
            total = sum(getattr(layer, name).grad for layer, *_ in parts)
            torch.testing.assert_close(total, getattr(whole, name).grad, rtol=1e-7, atol=1e-10)


def test_the_deviation_over_parts_is_that_of_the_whole() -> None:
    x = torch.randn(SHAPE, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for found in in_threads(2, lambda processes: deviation(processes.mine(x), processes.across)):
        torch.testing.assert_close(found, x.std(0))


def test_a_network_keeps_its_weights_and_its_names_and_changes_nothing_in_evaluation() -> None:
    network = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Sequential(nn.BatchNorm2d(3), nn.ReLU()))
    before = copy.deepcopy(network)
    weights = list(network.parameters())
    span(network, partial(torch.unsqueeze, dim=0))
    assert isinstance(network[1][0], WholeBatchNorm2d)  # type: ignore[index]
    assert [id(w) for w in network.parameters()] == [id(w) for w in weights]
    assert network.state_dict().keys() == before.state_dict().keys()
    x = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(2))
    assert torch.equal(network.eval()(x), before.eval()(x))
    torch.testing.assert_close(network.train()(x), before.train()(x))
    torch.testing.assert_close(network.state_dict(), before.state_dict())  # running statistics: to rounding


def test_maps_in_bfloat16_stay_so_and_statistics_are_float32() -> None:
    layer = WholeBatchNorm2d(nn.BatchNorm2d(3), partial(torch.unsqueeze, dim=0))
    out = layer(torch.randn(SHAPE, generator=torch.Generator().manual_seed(3)).bfloat16())
    assert out.dtype == torch.bfloat16
    assert layer.running_var is not None
    assert layer.running_var.dtype == torch.float32
