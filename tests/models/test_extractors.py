"""Extractors by name."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from flawforge.core.errors import SettingError
from flawforge.models.efficientnet import load_backbone
from flawforge.models.extractors import find_extractor


def images(n: int = 3, channels: int = 1, side: int = 40) -> torch.Tensor:
    return torch.rand(n, channels, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_effnet_lite0_is_the_pooled_fifth_stage() -> None:
    found = find_extractor("effnet-lite0")
    assert found.name == "effnet-lite0 stage 5"
    with torch.inference_mode():
        expected = load_backbone().pooled(images(), (5,)).numpy()
    assert found(images()) == pytest.approx(expected, rel=1e-4, abs=1e-4)
    assert found(images(2, 3)).shape == (2, 112)


def test_images_below_32_pixels_are_enlarged() -> None:
    found = find_extractor("effnet-lite0")(images(2, 1, 16))
    assert found.shape == (2, 112)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("name", ["effnet-lite0", "pixels"])
def test_a_row_depends_on_its_image_alone(name: str) -> None:
    found = find_extractor(name)
    whole = found(images(5))
    assert found(images(5)[2:4]) == pytest.approx(whole[2:4], rel=1e-4, abs=1e-3)


def test_pixels_are_means_over_squares() -> None:
    found = find_extractor("pixels")(images(2, 1, 32))
    expected = images(2, 1, 32).reshape(2, 16, 2, 16, 2).mean(dim=(2, 4)).flatten(1).numpy()
    assert found == pytest.approx(expected, abs=1e-6)
    assert find_extractor("pixels")(images(1, 3, 8)).shape == (1, 768)


def test_another_name_is_refused() -> None:
    with pytest.raises(SettingError) as caught:
        find_extractor("efnet-lite0")
    assert str(caught.value) == (
        "--extractor is 'efnet-lite0'; allowed: effnet-lite0, pixels, or a file ending in .onnx. Did you mean "
        "'effnet-lite0'?"
    )
