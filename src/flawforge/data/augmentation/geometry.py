"""Geometric changes: mirrors, quarter turns, and turning, moving and scaling in one resampling, for whole batches."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def mirror_some(images: Tensor, chosen: Tensor, axis: int) -> Tensor:
    """Mirror the chosen images, (N,) bool, of (N, C, H, W) along `axis` (2: top and bottom, 3: left and right)."""
    return torch.where(chosen[:, None, None, None], images.flip(axis), images)


def quarter_turn(images: Tensor, turns: Tensor) -> Tensor:
    """Turn each image of (N, C, H, W) by its number of quarter turns (N,), 0 to 3, without resampling.

    Where H differs from W, 1 and 3 turns count as 2.
    """
    square = images.shape[2] == images.shape[3]
    half = (turns == 2) if square else (turns > 0)
    images = torch.where(half[:, None, None, None], images.flip(2, 3), images)
    if square:
        images = torch.where((turns == 1)[:, None, None, None], images.rot90(1, (2, 3)), images)
        images = torch.where((turns == 3)[:, None, None, None], images.rot90(3, (2, 3)), images)
    return images


def warp(images: Tensor, degrees: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Turn, scale and move images about their centre, in one bilinear resampling; what comes in is mirrored.

    Args:
        images: (N, C, H, W).
        degrees: (N,) angles, counter-clockwise as the image is seen; right angles stay right where H differs from W.
        shift: (N, 2) moves down and right, in parts of height and width.
        scale: (N,) factors, above 1 enlarges.

    Returns:
        (N, C, H, W); an image whose three numbers say no change is returned bit by bit.
    """
    n, _, height, width = images.shape
    angle = degrees * (math.pi / 180)
    cos, sin = torch.cos(angle) / scale, torch.sin(angle) / scale
    down, right = 2 * shift[:, 0], 2 * shift[:, 1]  # grid coordinates run from -1 to 1
    rows = torch.stack([cos, -sin * height / width, sin * width / height, cos], 1).view(n, 2, 2)
    offset = -(rows @ torch.stack([right, down], 1)[:, :, None])
    grid = F.affine_grid(torch.cat([rows, offset], 2), list(images.shape), align_corners=False)
    moved = F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    still = (degrees == 0) & (shift == 0).all(1) & (scale == 1)
    return torch.where(still[:, None, None, None], images, moved)
