from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from heard import Heard


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def draw(tmp_path: Path) -> Callable[..., Path]:
    """Draw a folder of gray images with a bright line each."""

    def make(count: int = 10, side: int = 16, name: str = "lines") -> Path:
        folder = tmp_path / name
        folder.mkdir()
        rng = np.random.default_rng(3)
        for i in range(count):
            image = rng.integers(40, 90, (side, side)).astype(np.uint8)
            image[:, rng.integers(0, side)] = 220
            Image.fromarray(image).save(folder / f"{i:02d}.png")
        return folder

    return make


TINY: dict[str, object] = {
    "recipe": "dcgan-lite",
    "resolution": 16,
    "generator_depth": 2,
    "discriminator_depth": 2,
    "latent": 8,
    "batch": 4,
    "precision": "float32",
}


@pytest.fixture
def tiny() -> dict[str, object]:
    """Settings of a recipe that trains in a blink."""
    return dict(TINY)
