"""Latent vectors, the random numbers that an image is made from, and the images of a generator in training."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from flawforge.core.seeds import Stream, torch_stream


def draw_latents(
    seed: int, stream: Stream, positions: Iterable[tuple[int | str, ...]], size: int, truncation: float | None = None
) -> Tensor:
    """Return (N, size) latents from N(0, 1), each a function of (seed, stream, its position) alone.

    Args:
        seed: of the streams.
        stream: ``latents`` or ``previews``.
        positions: one address per latent, e.g. (class, index).
        size: numbers in one latent.
        truncation: numbers outside ±truncation are drawn again (Brock et al. 2018, 1809.11096, section 3.1): lower
            is nearer to the typical image and less varied. None: off.
    """
    rows = []
    for position in positions:
        generator = torch_stream(seed, stream, *position)
        row = torch.randn(size, generator=generator)
        while truncation is not None and bool((outside := row.abs() > truncation).any()):
            row = torch.where(outside, torch.randn(size, generator=generator), row)
        rows.append(row)
    return torch.stack(rows)


def generated_images(generator: nn.Module, latents: Tensor, labels: Tensor, batch: int, device: torch.device) -> Tensor:
    """Return float32 images (N, C, H, W) of latents (N, L) and classes (N,), `batch` at a time, in evaluation mode.

    The generator's mode is put back, and none of its weights or statistics change.
    """
    trained = generator.training
    generator.eval()
    with torch.no_grad():
        parts = zip(torch.split(latents, batch), torch.split(labels, batch), strict=True)
        images = torch.cat([generator(z.to(device), y.to(device)).float() for z, y in parts])
    generator.train(trained)
    return images
