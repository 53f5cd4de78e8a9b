from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flawforge
import trial_material as material
from flawforge.data.dataset import Dataset
from flawforge.runs.trials import TrialRecord

QUICK: dict[str, Any] = {
    "shots": (4,),
    "repeats": 2,
    "resolution": (32, 32),
    "steps": 12,
    "batch": 12,
    "folds": 0,
    "arms": ("real", "classical"),
    "workers": 1,
}


@pytest.fixture(scope="session")
def patched() -> Any:
    """Every image is its own specimen, found at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Dataset, "groups", lambda self, progress=None: np.arange(len(self), dtype=np.int64))
        yield


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return material.draw_dataset(tmp_path_factory.mktemp("photos") / "photos", 16)


@pytest.fixture(scope="session")
def left(photos: Path, tmp_path_factory: pytest.TempPathFactory, patched: Any) -> tuple[Path, TrialRecord]:
    """A trial of two models that has left them: ours, and one of a user's own that ONNX cannot hold."""
    out = tmp_path_factory.mktemp("left") / "out"
    models = ("small-cnn", "trial_material:small_network")
    return out, flawforge.trial(photos, out, models=models, **QUICK)


@pytest.fixture(scope="session")
def judged(tmp_path_factory: pytest.TempPathFactory, patched: Any) -> Path:
    """A trial that tells good images from defective ones."""
    root = tmp_path_factory.mktemp("judged")
    photos = material.draw_dataset(root / "photos", 16, classes=("good", "stripes", "waves"))
    flawforge.trial(photos, root / "out", models=("small-cnn",), task="good", **QUICK)
    return root / "out"
