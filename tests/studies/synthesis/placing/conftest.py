from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flawforge.data.dataset import Dataset
from flawforge.runs.folder import Run
from flawforge.training.train import train

SIZE = (60, 72)


def draw_photos(folder: Path) -> Path:
    """Draw pits with masks, dents with none, and good images, each on noise of its own."""
    rng = np.random.default_rng(0)
    for label, count in (("pit", 4), ("good", 4)):
        (folder / label).mkdir(parents=True)
        for number in range(count):
            pixels = rng.normal(120 + 8 * number, 9, SIZE)
            if label == "pit":
                mask = np.zeros(SIZE, np.uint8)
                top, left = 12 + 6 * number, 14 + 8 * number
                mask[top : top + 9, left : left + 12] = 255
                pixels[mask > 0] -= 60
                (folder / "masks" / label).mkdir(parents=True, exist_ok=True)
                Image.fromarray(mask).save(folder / "masks" / label / f"{label}{number}.png")
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / label / f"{label}{number}.png")
    return folder


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Draw a dataset in which each image shows a specimen of its own."""
    monkeypatch.setattr(Dataset, "groups", lambda self, progress=None: np.arange(len(self)))
    return draw_photos(tmp_path / "photos")


@pytest.fixture
def run(photos: Path, tmp_path: Path) -> Run:
    return train(photos, tmp_path / "run", "copy-paste", previews=0)


@pytest.fixture
def trained(photos: Path, tmp_path: Path) -> Callable[..., Run]:
    def make(recipe: str, name: str = "other", **changes: object) -> Run:
        return train(photos, tmp_path / name, recipe, previews=0, **changes)  # type: ignore[arg-type]

    return make
