"""Small drawn images with masks: spots and lines on noise, and good ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import nn

SIDE = 32
SMALL: dict[str, Any] = {  # a trial of seconds
    "task": "locate",
    "shots": (3,),
    "resolution": (32, 32),
    "steps": 6,
    "batch": 6,
    "made": 4,
    "models": ("unet",),
    "workers": 1,
}


def draw_marked(root: Path, per_class: int = 12, seed: int = 0, *, masks: bool = True, good: bool = True) -> Path:
    """Write a folder a class, and the masks of `spot` and `line` below ``masks``."""
    rng = np.random.default_rng(seed)
    for label in ("line", "spot", *(("good",) if good else ())):
        (root / label).mkdir(parents=True)
        (root / "masks" / label).mkdir(parents=True)
        for index in range(per_class):
            image, mask = rng.normal(120, 12, (SIDE, SIDE)), np.zeros((SIDE, SIDE), bool)
            top, left = rng.integers(2, SIDE - 12, 2)
            if label == "spot":
                mask[top : top + 5, left : left + 5] = True
            elif label == "line":
                mask[top : top + 2, left : left + 10] = True
            image[mask] += 70
            Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(root / label / f"{index:03d}.png")
            if masks and label != "good":
                Image.fromarray(mask.astype(np.uint8) * 255).save(root / "masks" / label / f"{index:03d}.png")
    return root


def small_locator(classes: int, channels: int, resolution: tuple[int, int]) -> nn.Module:
    """A locator of a user's own."""
    return nn.Sequential(nn.Conv2d(channels, 6, 5, padding=2), nn.ReLU(), nn.Conv2d(6, classes, 5, padding=2))


def of_chances(classes: int, channels: int, resolution: tuple[int, int]) -> nn.Module:
    """One that gives chances, which the trial would take for logits."""
    return nn.Sequential(small_locator(classes, channels, resolution), nn.Sigmoid())
