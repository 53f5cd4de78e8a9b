from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from flawforge.core.progress import SILENT
from flawforge.core.settings.recipes import recipe
from flawforge.data.reading.load import load
from flawforge.data.sampling.held_out import HeldOutDivision
from flawforge.training.health.judge import find_judge
from flawforge.training.setup.opening import OpenedRun
from flawforge.training.state.plan import TrainingPlan
from saved import saved


@pytest.mark.parametrize("bright", [0, 9])  # held out, and learnt from
def test_held_out_images_are_seen_as_bright_as_the_generator_learns_them(tmp_path: Path, bright: int) -> None:
    images = np.random.default_rng(0).integers(0, 1001, (10, 16, 16)).astype(np.uint16)
    images[:, :3, :3] = np.where(np.arange(10) == bright, 3000, 1000)[:, None, None]  # glare; one pixel is a hot one
    chosen = load(saved(tmp_path, images))
    division = HeldOutDivision(np.arange(4, 10), np.arange(4))
    plan = TrainingPlan(recipe("fewshot", resolution=16), 1, None, 100)
    opened = OpenedRun(SimpleNamespace(), plan, chosen, division)  # type: ignore[arg-type]
    white = opened.training.white
    assert white == (4095 if bright == 9 else 1023)
    judge = find_judge(opened, opened.training.pixels((16, 16), 1), torch.device("cpu"), 0, SILENT)
    assert judge is not None
    assert judge.real.held_out
    stored = np.stack([np.asarray(Image.open(tmp_path / f"{place:02d}.png")) for place in range(4)])
    expected = np.minimum(stored, white) / white
    assert np.array_equal(judge.real.pixels / judge.real.white, expected)
