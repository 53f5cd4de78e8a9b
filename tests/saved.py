"""Folders of drawn images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def saved(folder: Path, images: Iterable[NDArray[Any]]) -> Path:
    """Save images as 00.png, 01.png and so on in a folder, which is made, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{number:02d}.png")
    return folder


def lined(count: int, height: int, width: int) -> Iterator[NDArray[np.uint8]]:
    """Draw gray images with a bright line each."""
    rng = np.random.default_rng(3)
    for _ in range(count):
        image = rng.integers(40, 90, (height, width)).astype(np.uint8)
        image[:, rng.integers(0, width)] = 220
        yield image
