"""Smooth images with no symmetry."""

from __future__ import annotations

import torch
from torch import Tensor


def wave(height: int = 64, width: int = 64) -> Tensor:
    """A smooth image with no symmetry."""
    rows, columns = torch.arange(height)[:, None] / height, torch.arange(width)[None, :] / width
    return (torch.sin(5 * rows + 2 * columns) * torch.cos(3 * columns + 1))[None, None] * 0.8
