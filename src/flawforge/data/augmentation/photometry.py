"""Changes of light and sharpness, for whole batches of images in [-1, 1]; gray stays gray."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

BLUR_REACH = 3.0  # standard deviations that the blur's kernel reaches


def brighten(images: Tensor, amount: Tensor) -> Tensor:
    """Add `amount` (N,), in parts of white (1 takes black to white), to each image of (N, C, H, W)."""
    return images + 2 * amount[:, None, None, None]


def stretch(images: Tensor, factor: Tensor) -> Tensor:
    """Multiply each image's distance from its mean by `factor` (N,)."""
    mean = images.mean((1, 2, 3), keepdim=True)
    return torch.lerp(mean, images, factor[:, None, None, None])


def roughen(images: Tensor, deviation: Tensor, normal: Tensor) -> Tensor:
    """Add noise of `deviation` (N,), in parts of white, from standard normal numbers (N, 1, H, W): the same in all
    channels, so that gray stays gray.
    """
    return images + 2 * deviation[:, None, None, None] * normal


def blur(images: Tensor, deviation: Tensor, most: float) -> Tensor:
    """Blur each image with a Gaussian of its `deviation` (N,) in pixels, 0 to `most`; the border is mirrored.

    A deviation of 0 changes nothing.
    """
    n, channels, height, width = images.shape
    reach = max(1, min(round(BLUR_REACH * most + 0.5), height - 1, width - 1))
    places = torch.arange(-reach, reach + 1, dtype=images.dtype, device=images.device)
    kernel = torch.exp(-0.5 * (places / deviation.clamp_min(1e-3)[:, None]) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(channels, 0)[:, None]
    rows = F.pad(images, (reach, reach, reach, reach), mode="reflect").view(1, n * channels, height + 2 * reach, -1)
    rows = F.conv2d(rows, kernel[:, :, :, None], groups=n * channels)
    out = F.conv2d(rows, kernel[:, :, None, :], groups=n * channels)
    return torch.where((deviation > 0)[:, None, None, None], out.view(n, channels, height, width), images)


def rectangles(centre: Tensor, area: Tensor, aspect: Tensor, height: int, width: int) -> Tensor:
    """Return (N, 1, H, W) bool, True inside a rectangle of each image.

    Args:
        centre: (N, 2) row and column in parts of the sides; a rectangle that would stick out is moved in.
        area: (N,) part of the image, 0 to 1.
        aspect: (N,) ratio of height to width, relative to the image's.
        height: of the images, in pixels.
        width: likewise.
    """
    ratio = torch.stack([aspect, 1 / aspect], 1).sqrt()
    sides = (area.sqrt()[:, None] * ratio).clamp(max=1)
    sides = torch.stack([sides[:, 0], sides[:, 1]], 1)
    sizes = torch.tensor([height, width], dtype=sides.dtype, device=sides.device)
    extent = (sides * sizes).round()
    first = ((centre * sizes - extent / 2).round()).clamp_min(0)
    first = torch.minimum(first, sizes - extent)
    rows = torch.arange(height, device=sides.device)[None, :]
    columns = torch.arange(width, device=sides.device)[None, :]
    inside_rows = (rows >= first[:, :1]) & (rows < (first + extent)[:, :1])
    inside_columns = (columns >= first[:, 1:]) & (columns < (first + extent)[:, 1:])
    return (inside_rows[:, :, None] & inside_columns[:, None, :])[:, None]


def erase(images: Tensor, inside: Tensor) -> Tensor:
    """Set the pixels that `inside` (N, 1, H, W) marks to each image's mean (of each channel)."""
    return torch.where(inside, images.mean((2, 3), keepdim=True), images)
