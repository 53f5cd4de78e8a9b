"""A drawn folder of good plates and scratched ones with masks, a run on a part of them, and inspectors of known
skill.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import flawforge
from flawforge.data.dataset import Dataset

SIDE = (72, 96)


def plate(rng: np.random.Generator) -> np.ndarray:
    return 120 + 15 * np.sin(np.arange(SIDE[1]) / 40 + rng.uniform(0, 6)) + rng.normal(0, 3, SIDE)


def draw_plates(root: Path, good: int = 12, scratched: int = 16, seed: int = 0) -> Path:
    """Good plates, and plates with a dark horizontal scratch of 8 to 24 pixels, with masks beside."""
    rng = np.random.default_rng(seed)
    for part in ("good", "scratch", "masks/scratch"):
        (root / part).mkdir(parents=True, exist_ok=True)
    for number in range(good):
        Image.fromarray(plate(rng).astype(np.uint8)).save(root / "good" / f"g{number:02d}.png")
    for number in range(scratched):
        image, mask, length = plate(rng), np.zeros(SIDE, np.uint8), 8 + number % 17
        top, left = rng.integers(8, SIDE[0] - 10), rng.integers(8, SIDE[1] - 8 - length)
        mask[top : top + 2, left : left + length] = 255
        image[mask > 0] -= 60
        Image.fromarray(image.astype(np.uint8)).save(root / "scratch" / f"s{number:02d}.png")
        Image.fromarray(mask).save(root / "masks" / "scratch" / f"s{number:02d}.png")
    return root


@pytest.fixture(scope="session")
def each_its_own() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Dataset, "groups", lambda self, progress=None: np.arange(len(self), dtype=np.int64))
        yield


@pytest.fixture(scope="session")
def plates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_plates(tmp_path_factory.mktemp("plates") / "plates")


@pytest.fixture(scope="session")
def trained(plates: Path, tmp_path_factory: pytest.TempPathFactory, each_its_own: None) -> Path:
    """A run of six scratched plates; the good ones and ten scratched ones are held out."""
    out = tmp_path_factory.mktemp("trained") / "run"
    data = flawforge.load(plates).select(["scratch"], 6)
    flawforge.train(data, out, recipe="compose")
    return out
