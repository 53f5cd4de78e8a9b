from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from flawforge.models.efficientnet import SameConv2d, same_padding


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "expected"),
    [(8, 3, 1, (1, 1)), (8, 3, 2, (0, 1)), (7, 3, 2, (1, 1)), (8, 5, 2, (1, 2)), (7, 5, 2, (2, 2)), (8, 1, 1, (0, 0))],
)
def test_zeros_follow_tensorflow(size: int, kernel: int, stride: int, expected: tuple[int, int]) -> None:
    assert same_padding(size, kernel, stride) == expected


@given(st.integers(1, 12), st.integers(1, 12), st.sampled_from([1, 3, 5]), st.sampled_from([1, 2]), st.booleans())
def test_a_convolution_reads_the_padded_image(height: int, width: int, kernel: int, stride: int, deep: bool) -> None:
    groups = 3 if deep else 1
    layer = SameConv2d(3, 3, kernel, stride, groups)
    x = torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(0))
    (top, bottom), (left, right) = same_padding(height, kernel, stride), same_padding(width, kernel, stride)
    expected = F.conv2d(F.pad(x, (left, right, top, bottom)), layer.weight, stride=stride, groups=groups)
    with torch.no_grad():
        out = layer(x)
    assert out.shape == (1, 3, -(-height // stride), -(-width // stride))
    torch.testing.assert_close(out, expected)
