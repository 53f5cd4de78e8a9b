"""A training with unlabelled images, from the first step to the audit."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import flawforge
from flawforge.core.errors import DataUnusableError, SettingError
from flawforge.runs.checkpoint import require_checkpoint
from flawforge.runs.folder import Run
from flawforge.studies.sets.synthetic_set import SyntheticSet
from flawforge.training.train import train

Draw = Callable[..., Path]
SMALL = {"resolution": 32, "generator_depth": 2, "discriminator_depth": 4, "batch": 4, "precision": "float32"}


@pytest.fixture
def folders(draw_images: Draw, tmp_path: Path) -> tuple[Path, Path]:
    for label, seed in (("a", 1), ("b", 2)):
        draw_images(tmp_path / "data" / label, 6, seed=seed, sizes=((32, 32),))
    draw_images(tmp_path / "more" / "x", 30, seed=3, sizes=((32, 32),))
    return tmp_path / "data", tmp_path / "more"


@pytest.fixture
def run(folders: tuple[Path, Path], tmp_path: Path) -> Run:
    return train(folders[0], tmp_path / "run", "fewshot", unlabelled=folders[1], kimg=0.04, previews=1, **SMALL)


@pytest.mark.slow
def test_unlabelled_images_are_one_class_more_that_is_never_made(
    run: Run, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    settings = run.settings
    assert settings.data.classes == {"a": 6, "b": 6}
    assert (settings.unlabelled.count, settings.steps) == (30, 10)
    assert require_checkpoint(run).tensors()["generator.embedding.weight"].shape[0] == 3
    made = flawforge.generate(run, 3)
    assert made.facts["classes"] == {"a": 3, "b": 3}
    with pytest.raises(SettingError, match="was not trained on this class"):
        flawforge.generate(run, 3, classes=["(unlabelled)"])

    # Resumed, it ends with the bits of one that was never stopped; without the folder, it is another experiment.
    with pytest.raises(SettingError, match="30 unlabelled images -> 0"):
        train(folders[0], run.path, kimg=0.06, resume=True, **SMALL)
    whole = train(folders[0], tmp_path / "whole", "fewshot", unlabelled=folders[1], kimg=0.06, previews=0, **SMALL)
    parts = train(folders[0], run.path, unlabelled=folders[1], kimg=0.06, previews=0, resume=True, **SMALL)
    one, other = require_checkpoint(whole).tensors(), require_checkpoint(parts).tensors()
    assert all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.nightly
def test_the_audit_finds_copies_of_unlabelled_images(run: Run, folders: tuple[Path, Path], tmp_path: Path) -> None:
    flawforge.generate(run, 2)
    made = SyntheticSet.open(run)
    entry = next(made.entries())
    source = folders[1] / "x" / "x_004.png"
    shutil.copy(source, run.synthetic / entry.file)
    record = flawforge.audit(run)
    assert record.n_training == 42
    assert record.exact_copies == 1
    assert record.pairs[0].neighbours[0].file.endswith("x_004.png")
    assert record.inputs["data"] == run.settings.training_fingerprint

    # A score against images that training has seen is refused, also where it saw them without a class.
    shutil.copytree(folders[1], tmp_path / "test")
    with pytest.raises(DataUnusableError, match="holds 30 of the 42 training images"):
        flawforge.score(run, held_out=tmp_path / "test")


def test_a_recipe_without_classes_refuses_them(folders: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="--unlabelled needs a recipe that tells classes apart"):
        train(folders[0], tmp_path / "run", "dcgan-lite", unlabelled=folders[1], kimg=0.02)
    assert not (tmp_path / "run").exists()


def test_batches_hold_both_at_the_same_brightness(draw_images: Draw, tmp_path: Path) -> None:
    from flawforge.core.progress import SILENT
    from flawforge.core.settings.recipes import recipe
    from flawforge.data.reading.load import load
    from flawforge.training.processes.processes import ALONE
    from flawforge.training.setup.batches import real_batches
    from flawforge.training.state.plan import TrainingPlan

    data = load(draw_images(tmp_path / "data" / "a", 8, sizes=((32, 32),)))
    deep = load(draw_images(tmp_path / "deep" / "a", 8, mode="I;16", sizes=((32, 32),)))  # the same, in 12 bits
    plan = TrainingPlan(recipe("fewshot", resolution=32, batch=16, flip="none"), 1, None, 100)
    batches = real_batches(data, data.pixels((32, 32), 1), deep, plan, 0, ALONE, SILENT)
    images, labels = batches.pixels.float(), batches.labels.numpy()
    assert np.abs((images[labels == 0] - images[labels == 1]).numpy()).mean() < 1
