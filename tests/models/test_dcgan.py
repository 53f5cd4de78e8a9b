from __future__ import annotations

import pytest
import torch
from torch import nn

from flawforge.core.seeds import torch_stream
from flawforge.core.settings.recipes import recipe
from flawforge.models.build import build_discriminator, build_generator, count_parameters, initialise
from flawforge.models.matrix_form import UpConv2d
from flawforge.models.spectral import SpectralConv2d


def test_the_published_networks_have_the_published_numbers_of_parameters() -> None:
    assert count_parameters(recipe("dcgan-sn"), 3) == {"generator": 12_786_560, "discriminator": 44_611_072}


def test_the_published_layers_in_their_order() -> None:
    with torch.device("meta"):
        generator = build_generator(recipe("dcgan-sn"), 3)
        discriminator = build_discriminator(recipe("dcgan-sn"), 3)

    def described(network: nn.Module) -> list[tuple[object, ...]]:
        rows: list[tuple[object, ...]] = []
        for layer in network.layers:  # type: ignore[union-attr]
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
                kind = {SpectralConv2d: "spectral", UpConv2d: "ConvTranspose2d"}.get(type(layer), type(layer).__name__)
                assert layer.bias is None
                assert layer.kernel_size == (4, 4)
                rows.append((kind, layer.in_channels, layer.out_channels, layer.stride[0], layer.padding[0]))
            else:
                rows.append((type(layer).__name__,))
        return rows

    def up(before: int, after: int) -> tuple[object, ...]:
        return ("ConvTranspose2d", before, after, 2, 1)

    norm, relu, leaky = ("BatchNorm2d",), ("ReLU",), ("LeakyReLU",)
    assert described(generator) == [
        ("ConvTranspose2d", 100, 1024, 1, 0),
        norm,
        relu,
        up(1024, 512),
        norm,
        relu,
        up(512, 256),
        norm,
        relu,
        up(256, 128),
        norm,
        relu,
        up(128, 64),
        norm,
        relu,
        up(64, 3),
        ("Tanh",),
    ]
    assert described(discriminator) == [
        ("spectral", 3, 128, 2, 1),
        leaky,
        ("spectral", 128, 256, 2, 1),
        norm,
        leaky,
        ("spectral", 256, 512, 2, 1),
        norm,
        leaky,
        ("spectral", 512, 1024, 2, 1),
        norm,
        leaky,
        ("spectral", 1024, 2048, 2, 1),
        norm,
        leaky,
        ("Conv2d", 2048, 1, 1, 0),
    ]
    slopes = {layer.negative_slope for layer in discriminator.modules() if isinstance(layer, nn.LeakyReLU)}
    assert slopes == {0.2}


@pytest.mark.parametrize("resolution", ["8", "16", "96x160", "64x48"])
@pytest.mark.parametrize("channels", [1, 3])
def test_any_resolution_goes_through_both_networks(resolution: str, channels: int) -> None:
    small = recipe("dcgan-lite", resolution=resolution, generator_depth=2, discriminator_depth=2, latent=5)
    generator, discriminator = build_generator(small, channels), build_discriminator(small, channels)
    images = generator(torch.randn(3, 5))
    assert images.shape == (3, channels, *small.resolution)
    assert float(images.detach().abs().max()) <= 1
    assert discriminator(images).shape == (3,)


def test_initial_weights_come_from_the_generator_alone() -> None:
    small = recipe("dcgan-lite", resolution=16, generator_depth=2, discriminator_depth=2)
    first, second = build_discriminator(small, 1), build_discriminator(small, 1)
    initialise(first, torch_stream(3, "weights"))
    torch.manual_seed(99)
    initialise(second, torch_stream(3, "weights"))
    assert all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


def test_initial_weights_fill_the_range_of_the_frameworks_default() -> None:
    torch.manual_seed(0)
    default = nn.ConvTranspose2d(100, 64, 4)
    mine = nn.ConvTranspose2d(100, 64, 4, bias=False)
    initialise(nn.Sequential(mine), torch_stream(0, "weights"))
    own, theirs = mine.weight.detach(), default.weight.detach()
    assert float(own.max()) == pytest.approx(float(theirs.max()), rel=0.01)
    assert float(own.std()) == pytest.approx(float(theirs.std()), rel=0.02)


def test_two_batches_in_one_pass_are_judged_as_in_two_calls() -> None:
    """Bit for bit but for the sums in the convolutions: statistics, vectors and gradients too."""
    small = recipe("dcgan-sn", resolution=32, generator_depth=8, discriminator_depth=8)
    joint, apart, mixed = (build_discriminator(small, 1).double() for _ in range(3))
    for one in (joint, apart, mixed):
        initialise(one, torch_stream(3, "weights"))
    images = torch.randn(6, 1, 32, 32, dtype=torch.float64)
    images[3:] *= 5  # two kinds of images: statistics over both would differ
    logits = joint(images, batches=2)
    expected = torch.cat([apart(images[:3]), apart(images[3:])])
    torch.testing.assert_close(logits, expected)
    assert not torch.allclose(logits, mixed(images))
    for one in (logits, expected):
        one.square().sum().backward()
    for a, b in zip(joint.parameters(), apart.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)
    for (name, a), b in zip(joint.state_dict().items(), apart.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, msg=name)
