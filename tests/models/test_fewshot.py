from __future__ import annotations

import pytest
import torch

from flawforge.core.seeds import torch_stream
from flawforge.core.settings.recipes import recipe
from flawforge.models.build import build_generator, initialise


@pytest.mark.parametrize("resolution", ["16", "32", "64x96", "128"])
@pytest.mark.parametrize("channels", [1, 3])
def test_any_resolution_and_both_colours(resolution: str, channels: int) -> None:
    small = recipe("fewshot", resolution=resolution, generator_depth=2)
    generator = build_generator(small, channels, 3)
    images = generator(torch.randn(4, small.latent), torch.tensor([0, 1, 2, 0]))
    assert images.shape == (4, channels, *small.resolution)
    assert float(images.detach().abs().max()) <= 1


def test_the_class_and_every_part_of_the_latent_change_the_image() -> None:
    small = recipe("fewshot", resolution=64, generator_depth=2)
    generator = build_generator(small, 1, 2)
    initialise(generator, torch_stream(0, "weights"))
    generator.train()(torch.randn(8, small.latent), torch.arange(8) % 2)  # statistics
    generator.eval()
    latent = torch.randn(1, small.latent).requires_grad_()
    one, other = generator(latent, torch.tensor([0])), generator(latent, torch.tensor([1]))
    assert float((one - other).detach().abs().mean()) > 1e-3
    one.square().sum().backward()
    assert bool((latent.grad != 0).all())  # type: ignore[union-attr]


def test_an_image_does_not_depend_on_its_batch_when_images_are_made() -> None:
    small = recipe("fewshot", resolution=32, generator_depth=2)
    generator = build_generator(small, 1, 2).eval()
    latents, labels = torch.randn(4, small.latent), torch.tensor([0, 1, 1, 0])
    torch.testing.assert_close(generator(latents, labels)[2:3], generator(latents[2:3], labels[2:3]))


def test_the_grain_is_white_to_the_eye_and_a_function_of_the_latent() -> None:
    from flawforge.models.fewshot import AMOUNT, Grain

    layer = torch.nn.Sequential(Grain(3, (64, 64)))
    initialise(layer, torch_stream(0, "weights"))
    latents = torch.randn(50, 128, generator=torch_stream(1, "latents"))
    maps = layer[0](torch.zeros(50, 3, 64, 64), latents).detach()[:, 0]
    assert float(maps.std()) == pytest.approx(AMOUNT, rel=0.1)
    for moved in (maps.roll(1, 1), maps.roll(1, 2)):  # neighbours share nothing: 4,096 pixels, so 1/64 a map
        assert abs(float((maps * moved).mean() / maps.square().mean())) < 0.02
    shares = torch.corrcoef(maps.flatten(1)).fill_diagonal_(0).abs()
    assert float(shares.max()) < 0.75, "two latents, two maps"
    assert torch.equal(maps, layer[0](torch.zeros(50, 3, 64, 64), latents)[:, 0])
