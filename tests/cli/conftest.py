from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flawforge.cli.main import main

TINY = ["--recipe", "dcgan-lite", "--resolution", "16", "--generator-depth", "2", "--discriminator-depth", "2",
        "--latent", "8", "--batch", "4", "--precision", "float32"]  # fmt: skip


@pytest.fixture
def tiny() -> list[str]:
    """Flags of a recipe that trains in a blink."""
    return list(TINY)


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    """A folder of gray images with a bright line each."""
    folder = tmp_path / "lines"
    folder.mkdir()
    rng = np.random.default_rng(3)
    for i in range(8):
        image = rng.integers(40, 90, (20, 30)).astype(np.uint8)
        image[:, rng.integers(0, 30)] = 220
        Image.fromarray(image).save(folder / f"{i:02d}.png")
    return folder


@pytest.fixture
def typed() -> Callable[..., int]:
    """Run the command line in this process and return its exit code."""

    def run(*words: str) -> int:
        try:
            main([str(word) for word in words])
        except SystemExit as stop:
            return int(stop.code or 0)
        return 0

    return run
