from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flawforge.core.seeds import torch_stream
from flawforge.models.matrix_form import UpConv2d, convolve, convolve_transposed, fits_matrix_form, pays


def drawn(*shape: int, last: bool = True) -> Tensor:
    tensor = torch.randn(*shape, dtype=torch.float64, generator=torch_stream(0, "samples", *shape))
    return (tensor.contiguous(memory_format=torch.channels_last) if last else tensor).requires_grad_()


@pytest.mark.parametrize("last", [True, False])
def test_it_is_the_convolution_with_its_gradients(last: bool) -> None:
    images, weight = drawn(3, 5, 8, 12, last=last), drawn(7, 5, 4, 4, last=last)
    ours, theirs = convolve(images, weight), F.conv2d(images, weight, stride=2, padding=1)
    torch.testing.assert_close(ours, theirs)
    upstream = torch.randn_like(theirs)
    for a, b in zip(
        torch.autograd.grad(ours, (images, weight), upstream),
        torch.autograd.grad(theirs, (images, weight), upstream),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("last", [True, False])
def test_it_is_the_transposed_convolution_with_its_gradients(last: bool) -> None:
    images, weight = drawn(3, 7, 4, 6, last=last), drawn(7, 5, 4, 4, last=last)
    ours, theirs = convolve_transposed(images, weight), F.conv_transpose2d(images, weight, stride=2, padding=1)
    torch.testing.assert_close(ours, theirs)
    assert ours.is_contiguous(memory_format=torch.channels_last)
    upstream = torch.randn_like(theirs)
    for a, b in zip(
        torch.autograd.grad(ours, (images, weight), upstream),
        torch.autograd.grad(theirs, (images, weight), upstream),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


def test_gradients_of_gradients_are_right() -> None:
    images, weight = drawn(1, 2, 4, 4), drawn(3, 2, 4, 4)
    assert torch.autograd.gradgradcheck(convolve, (images, weight))
    assert torch.autograd.gradgradcheck(convolve_transposed, (drawn(1, 3, 2, 2), weight))


def test_it_is_taken_for_deep_layers_alone() -> None:
    deep, shallow = torch.empty(2048, 8, 4, 4, device="meta"), torch.empty(64, 32, 4, 4)
    assert not pays(deep, 24 * 16)  # on no device but the processor
    assert pays(torch.empty(2048, 8, 4, 4), 24 * 16)
    middle = torch.empty(1024, 8, 4, 4)
    assert pays(middle.bfloat16(), 24 * 64)
    assert not pays(middle, 24 * 64)
    with torch.autocast("cpu", torch.bfloat16):
        assert pays(middle, 24 * 64)
    assert not pays(shallow, 24 * 256)
    images = torch.empty(1, 4, 8, 8)
    assert fits_matrix_form(nn.Conv2d(4, 4, 4, 2, 1), images)
    assert not fits_matrix_form(nn.Conv2d(4, 4, 4, 2, 1), images[..., :7])
    assert not fits_matrix_form(nn.Conv2d(4, 4, 3, 2, 1), images)


def test_a_layer_gives_the_same_in_both_forms() -> None:
    layer = UpConv2d(64, 3)
    images = torch.randn(2, 64, 4, 4, generator=torch_stream(0, "samples"))
    matrix = layer.train()(images)  # 32 positions, 64 channels
    torch.testing.assert_close(matrix, layer.eval()(images))
