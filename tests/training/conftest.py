from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from heard import Heard
from saved import lined, saved


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def draw(tmp_path: Path) -> Callable[..., Path]:
    """Draw a folder of gray images with a bright line each."""

    def make(count: int = 10, side: int = 16, name: str = "lines") -> Path:
        return saved(tmp_path / name, lined(count, side, side))

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
