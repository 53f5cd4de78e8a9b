"""Trainings with more classes than half a batch: a collapse within a class is seen, and everything else holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from flawforge.core.progress import SILENT
from flawforge.core.settings.recipes import recipe
from flawforge.data.reading.load import load
from flawforge.models.whole_batch import deviation, deviation_within
from flawforge.runs.checkpoint import require_checkpoint
from flawforge.training.loop.step import gan_step
from flawforge.training.processes.processes import ALONE, Processes
from flawforge.training.setup.batches import RealBatches, real_batches
from flawforge.training.state.plan import TrainingPlan
from flawforge.training.state.state import TrainingState
from flawforge.training.train import train
from in_threads import in_threads

SMALL = {
    "resolution": 32,
    "generator_depth": 2,
    "discriminator_depth": 4,
    "latent": 8,
    "precision": "float32",
    "judge_kimg": 0.0,
    "rescues": 0,
}
CPU = torch.device("cpu")


@pytest.fixture
def six(draw_images: Callable[..., Path], tmp_path: Path) -> Path:
    """Six classes of four images."""
    for place, name in enumerate("abcdef"):
        draw_images(tmp_path / "data" / name, 4, sizes=((32, 32),), seed=place)
    return tmp_path / "data"


def batches(six: Path, processes: Processes = ALONE, **changes: object) -> RealBatches:
    data = load(six)
    plan = TrainingPlan(recipe("fewshot", **{"resolution": 32, "batch": 8, **changes}), 1, None, 100)
    return real_batches(data, data.pixels((32, 32), 1), None, plan, 0, processes, SILENT)


def test_only_a_recipe_that_tells_classes_apart_shows_pairs_and_only_with_many(six: Path) -> None:
    assert batches(six).paired
    assert not batches(six, batch=12).paired
    data = load(six)
    plan = TrainingPlan(recipe("dcgan-lite", resolution=32, batch=8), 1, None, 100)
    assert not real_batches(data, data.pixels((32, 32), 1), None, plan, 0, ALONE, SILENT).paired


def test_a_collapse_within_each_class_is_seen(six: Path) -> None:
    real = batches(six)
    state = TrainingState(recipe("fewshot", **{**SMALL, "batch": 8}), 1, 0, CPU, "float32", 6)
    labels, images = real.labels_at(0, CPU), real.at(0, CPU)
    assert min(torch.bincount(labels)[labels.unique()]) >= 2
    alike = gan_step(state, images, torch.zeros(8, 8), labels, within=True)
    varied = gan_step(state, images, torch.randn(8, 8, generator=torch.Generator().manual_seed(0)), labels, within=True)
    assert float(alike.spread) < 0.01 < float(varied.spread)


def test_the_spread_within_classes_is_that_of_the_whole_batch_on_several_processes() -> None:
    images = torch.randn(8, 1, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    labels = torch.tensor([3, 3, 1, 1, 1, 7, 7, 3])
    pooled = [images[labels == code] for code in (1, 3, 7)]
    expected = (sum((x - x.mean(0)).square().sum(0) for x in pooled) / 5).sqrt()  # type: ignore[union-attr]
    torch.testing.assert_close(deviation_within(images, labels, None), expected)
    torch.testing.assert_close(deviation_within(images, labels * 0, None), deviation(images, None))
    found = in_threads(2, lambda p: deviation_within(p.mine(images), p.mine(labels), p.across))
    for one in found:
        torch.testing.assert_close(one, expected)


def test_processes_share_the_batch_of_one(six: Path) -> None:
    whole = batches(six)
    parts = in_threads(2, lambda processes: [batches(six, processes).labels_at(step, CPU) for step in range(20)])
    for step in range(20):
        assert torch.equal(torch.cat([part[step] for part in parts]), whole.labels_at(step, CPU))


def test_a_training_in_pairs_resumes_to_the_same_bits(six: Path, tmp_path: Path) -> None:
    settings = {**SMALL, "recipe": "fewshot", "batch": 8}
    whole = train(six, tmp_path / "whole", kimg=0.12, **settings)  # type: ignore[arg-type]
    for kimg in (0.056, 0.12):
        parts = train(six, tmp_path / "parts", kimg=kimg, resume=True, **settings)  # type: ignore[arg-type]
    one, other = require_checkpoint(whole).tensors(), require_checkpoint(parts).tensors()
    assert all(torch.equal(one[key], other[key]) for key in one)
