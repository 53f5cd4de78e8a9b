"""Pictures and folders that the tests of this room draw for themselves."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def save() -> Callable[..., Path]:
    """Save a gray texture that no other seed has, under any name; the folders are made."""

    def draw(path: Path, seed: int = 0, height: int = 24, width: int = 32) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
        return path

    return draw


@pytest.fixture
def save_xml() -> Callable[..., Path]:
    """Save a Pascal VOC annotation of boxes (name, xmin, ymin, xmax, ymax)."""

    def write(path: Path, *boxes: tuple[str, int, int, int, int]) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        objects = "".join(
            f"<object><name>{name}</name><bndbox><xmin>{a}</xmin><ymin>{b}</ymin><xmax>{c}</xmax><ymax>{d}</ymax>"
            f"</bndbox></object>"
            for name, a, b, c, d in boxes
        )
        path.write_text(f"<annotation>{objects}</annotation>")
        return path

    return write


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """Return a real dataset's folder by name, or skip the test where it is not at hand."""
    home = Path(os.environ.get("FLAWFORGE_DATA", Path(__file__).parents[3] / "shared" / "data"))

    def find(name: str) -> Path:
        if not (home / name).is_dir():
            pytest.skip(f"no real images: {home / name} is missing (set FLAWFORGE_DATA)")
        return home / name

    return find
