"""Images of two grains, coarse and fine, which are no copies of each other."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from flawforge.data.dataset import Dataset
from flawforge.data.reading.load import load


@pytest.fixture(scope="session")
def grains(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Two classes of 12 rough textures, 96 pixels wide, of one piece of material each."""
    folder, rng = tmp_path_factory.mktemp("textures") / "grains", np.random.default_rng(3)
    for label, size in (("coarse", 24), ("fine", 48)):
        (folder / label).mkdir(parents=True)
        for index in range(12):
            small = Image.fromarray(rng.uniform(40, 215, (size, size)).astype(np.uint8))
            small.resize((96, 96), Image.Resampling.BICUBIC).save(folder / label / f"{index:02d}.png")
    return load(folder)
