"""The trained generator: images that depend on their place alone, and weights that cannot serve."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from flawforge.core.errors import RunBrokenError, TrainingDivergedError
from flawforge.core.images import to_pixels
from flawforge.runs.checkpoint import require_checkpoint, save_checkpoint
from flawforge.runs.folder import Run
from flawforge.studies.synthesis.run import generate
from flawforge.studies.synthesis.sampler import Sampler


def test_an_image_does_not_depend_on_its_neighbours_in_the_batch(make_run: Any) -> None:
    sampler = Sampler(run := make_run(), require_checkpoint(run), torch.device("cpu"))
    first, second = sampler.images(0, "a", 0), sampler.images(0, "a", 1)
    assert first.shape == (sampler.batch, 1, 16, 16)
    assert not np.array_equal(first, second)
    assert np.array_equal(sampler.images(0, "a", 1), second)


def test_pixels_are_those_of_the_network_when_the_sizes_agree(make_run: Any, draw_images: Any, tmp_path: Path) -> None:
    run = make_run(draw_images(tmp_path / "data" / "dents", 6, sizes=((16, 16),)))
    made = generate(run, 3)
    expected = to_pixels(Sampler(run, require_checkpoint(run), torch.device("cpu")).images(0, "dents", 0)[:3, 0])
    assert all(np.array_equal(made.read(entry), expected[entry.index]) for entry in made.entries())


def test_weights_that_are_no_numbers_or_of_another_recipe_are_refused(make_run: Any) -> None:
    run: Run = make_run()
    tensors = require_checkpoint(run).tensors()
    facts = {"kimg": 1.0, "seconds": 1.0, "stopped": None}
    save_checkpoint(run, 2, {key: value * float("nan") for key, value in tensors.items()}, facts)
    with pytest.raises(TrainingDivergedError, match="generates values that are not numbers"):
        generate(run, 2)
    save_checkpoint(run, 3, dict(list(tensors.items())[:2]), facts)
    with pytest.raises(RunBrokenError, match="does not fit the recipe"):
        generate(run, 2, overwrite=True)
