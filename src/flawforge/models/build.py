"""The networks of a recipe, by its design."""

from __future__ import annotations

import math

import torch
from torch import nn

from flawforge.core.settings.recipe import Recipe
from flawforge.models.dcgan import DCDiscriminator, DCGenerator
from flawforge.models.fewshot import GRAINS, FewshotGenerator, Grain
from flawforge.models.native import START, LastConv2d, NativeGenerator
from flawforge.models.placed import PlacedGenerator
from flawforge.models.projected import Head, ProjectedDiscriminator
from flawforge.models.spectral import SpectralConv2d

AT_ONCE: dict[str, type[NativeGenerator]] = {
    "native": NativeGenerator,
    "placed": PlacedGenerator,
}  # by design: they show patches and whole images at once


def build_generator(recipe: Recipe, channels: int, classes: int = 1) -> nn.Module:
    """Return the recipe's generator for 1 or 3 channels; its weights are not initialised yet.

    It maps latents (N, latent) and class numbers (N,) or None to images (N, channels, H, W); that of design 'native'
    composed images in place of latents (`flawforge.models.native.NativeInputs`), that of 'placed' windows
    (`flawforge.models.placed.PlacedInputs`).
    """
    if recipe.design in AT_ONCE:
        at_once = AT_ONCE[recipe.design]
        return at_once(recipe.latent, recipe.generator_depth, channels, recipe.stages, classes)
    shape = (recipe.latent, recipe.generator_depth, channels, recipe.base, recipe.stages)
    return FewshotGenerator(*shape, classes) if recipe.design == "fewshot" else DCGenerator(*shape)


def build_discriminator(recipe: Recipe, channels: int, classes: int = 1) -> nn.Module:
    """Return the recipe's discriminator; its weights are not initialised yet.

    It maps images (N, channels, H, W) and class numbers (N,) or None to logits (N,) or (N, places).
    """
    if recipe.design in AT_ONCE:  # for it, a class's patches are one class more
        return ProjectedDiscriminator(recipe.discriminator_depth, 2 * classes)
    if recipe.design == "fewshot":
        return ProjectedDiscriminator(recipe.discriminator_depth, classes)
    return DCDiscriminator(recipe.discriminator_depth, channels, recipe.base, recipe.stages)


@torch.no_grad()
def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Draw all weights from `generator`, on the CPU.

    Convolutions and linear layers: uniform within ±1/sqrt(fan in), PyTorch's default (the published experiment names
    none, so it had its framework's). Embeddings: N(0, 1). Batch norm: scale 1, shift 0. The fixed mixing of a
    projected discriminator: N(0, 2 / fan in). The basis of the grain: N(0, 1 / numbers that decide it). A layer whose
    output is added to an image: a twentieth of the others.
    """
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            bound = 1 / math.sqrt(layer.weight[0].numel())
            layer.weight.uniform_(-bound, bound, generator=generator)
            if layer.bias is not None:
                layer.bias.uniform_(-bound, bound, generator=generator)
        elif isinstance(layer, nn.Embedding):
            layer.weight.normal_(generator=generator)
        elif isinstance(layer, nn.BatchNorm2d):
            layer.reset_parameters()
        if isinstance(layer, LastConv2d):
            layer.weight.mul_(START)
            layer.bias.mul_(START)  # type: ignore[union-attr]
        if isinstance(layer, SpectralConv2d):
            layer.start_vectors(generator)
        if isinstance(layer, Head):
            layer.mixing.normal_(0, math.sqrt(2 / layer.mixing.shape[1]), generator=generator)
        if isinstance(layer, Grain):
            layer.basis.normal_(0, 1 / math.sqrt(GRAINS), generator=generator)


def count_parameters(recipe: Recipe, channels: int, classes: int = 1) -> dict[str, int]:
    """Return the trained numbers of both networks, ``{"generator": n, "discriminator": n}``, without allocating
    them. Empty where the recipe trains none.
    """
    if not recipe.learns:
        return {}
    with torch.device("meta"):
        networks = {
            "generator": build_generator(recipe, channels, classes),
            "discriminator": build_discriminator(recipe, channels, classes),
        }
    return {name: sum(weight.numel() for weight in network.parameters()) for name, network in networks.items()}
