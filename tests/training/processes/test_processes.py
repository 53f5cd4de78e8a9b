from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from flawforge.core.errors import SettingError
from flawforge.core.progress import SILENT
from flawforge.core.settings.recipe import Composition, Recipe
from flawforge.core.settings.recipes import recipe
from flawforge.data.dataset import Dataset
from flawforge.data.reading.load import load
from flawforge.data.sampling.material import Material
from flawforge.models.native import NativeInputs
from flawforge.training.composition import Chosen
from flawforge.training.loop.step import gan_step
from flawforge.training.losses import Augmentation
from flawforge.training.native import batches as native_batches
from flawforge.training.native.batches import NativeBatches
from flawforge.training.processes.processes import ALONE, Processes
from flawforge.training.setup.batches import RealBatches
from flawforge.training.state.state import TrainingState
from float64 import go_float64
from in_threads import Threaded, in_threads
from saved import lined, saved

TINY: dict[str, Any] = {"generator_depth": 2, "discriminator_depth": 4, "latent": 8, "batch": 6, "precision": "float32"}
RECIPES = {
    "dcgan-lite": recipe("dcgan-lite", resolution=16, **TINY),
    "fewshot": recipe("fewshot", resolution=32, augment="full", augment_target=0.1, **TINY),
    "native": recipe("native", resolution=32, augment="full", augment_target=0.1, **TINY | {"batch": 8}),
}


@pytest.fixture
def in_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    go_float64(monkeypatch.setattr)


def as_float64(state: TrainingState) -> TrainingState:
    for network in (state.generator, state.discriminator):
        network.double()
    for adam in (state.adam_g, state.adam_d):
        for memory in adam.state.values():
            memory |= {key: value.double() for key, value in memory.items() if key != "step"}
    return state


def a_few_steps(
    asked: Recipe, processes: Processes, steps: int = 2, material: Material | None = None
) -> dict[str, Tensor]:
    """Train as the loop does, and return the state and what the last step told."""
    state = as_float64(TrainingState(asked, 1, 0, torch.device("cpu"), "float32", 2, processes))
    state.augmentation.probability.fill_(0.5)
    pixels = np.random.default_rng(0).integers(0, 255, (10, *asked.resolution)).astype(np.uint8)
    labels = np.arange(10) % 2
    batches: RealBatches | NativeBatches
    if material is None:
        batches = RealBatches(pixels, 255, asked.batch, 0, "both", labels, processes)
    else:
        chosen = Chosen(Composition(), {label: [0] for label in material.training.classes}, "")
        batches = NativeBatches(material, chosen, asked, 0, processes, SILENT)
    for step in range(steps):
        state.augmentation.step = step
        real, inputs = batches.at(step, state.device).double(), batches.inputs_at(step, asked.latent, state.device)
        inputs = inputs.double() if isinstance(inputs, Tensor) else NativeInputs(*(one.double() for one in inputs))
        outcome = gan_step(state, real, inputs, batches.labels_at(step, state.device))
    return {**state.tensors(), "outcome": processes.mean(outcome.stacked())}


@pytest.mark.parametrize(("name", "count"), [("dcgan-lite", 2), ("dcgan-lite", 3), ("fewshot", 2)])
@pytest.mark.usefixtures("in_float64")
def test_several_processes_take_the_steps_of_one(name: str, count: int) -> None:
    steps = 1 if name == "fewshot" else 3  # its frozen network is slow; test_torchrun.py takes more steps with it
    alone = a_few_steps(RECIPES[name], ALONE, steps)
    for theirs in in_threads(count, lambda processes: a_few_steps(RECIPES[name], processes, steps)):
        assert theirs.keys() == alone.keys()
        for key, value in alone.items():
            assert torch.allclose(theirs[key], value, rtol=1e-6, atol=1e-9), key


@pytest.mark.usefixtures("in_float64")
@pytest.mark.parametrize("apart", ["statistics of parts", "gradients of parts", "coins of parts"])
def test_the_law_sees_what_it_is_to_see(apart: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each exchange left out makes the weights others."""
    if apart == "statistics of parts":
        monkeypatch.setattr(Threaded, "join", lambda self, network, optimiser: self.hook(optimiser))
    elif apart == "gradients of parts":
        monkeypatch.setattr(Threaded, "hook", lambda self, optimiser: None)
    else:
        monkeypatch.setattr(Threaded, "mine", lambda self, rows: rows[: len(rows) // self.count])
    asked = RECIPES["dcgan-lite"]
    alone = a_few_steps(asked, ALONE)
    theirs = in_threads(2, lambda processes: a_few_steps(asked, processes))[1]
    assert any(not torch.allclose(theirs[key], alone[key], rtol=1e-6, atol=1e-9) for key in alone if "weight" in key)


@pytest.mark.usefixtures("in_float64")
def test_several_processes_refine_what_one_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Dataset, "groups", lambda self, progress=None: np.arange(len(self)))
    monkeypatch.setattr(native_batches, "POOL", 3)
    images = list(lined(6, 40, 36))
    for label, own in (("a", images[:3]), ("b", images[3:])):
        saved(tmp_path / "data" / label, own)
    material = Material(load(tmp_path / "data"))
    alone = a_few_steps(RECIPES["native"], ALONE, 1, material)
    for theirs in in_threads(2, lambda processes: a_few_steps(RECIPES["native"], processes, 1, material)):
        for key, value in alone.items():
            assert torch.allclose(theirs[key], value, rtol=1e-6, atol=1e-9), key


def test_a_part_is_in_order_and_whole() -> None:
    parts = in_threads(3, lambda processes: processes.mine(torch.arange(6)))
    assert torch.cat(parts).tolist() == list(range(6))
    assert ALONE.mine([(1,), (2,)]) == [(1,), (2,)]


def test_a_batch_that_cannot_be_dealt_out_is_refused_with_the_nearest_that_can() -> None:
    three = in_threads(3, lambda processes: processes)[0]
    three.check_batch(12)
    with pytest.raises(SettingError, match="batch of 16 images .* 3 processes .* Give --batch 15 or --batch 18"):
        three.check_batch(16)
    with pytest.raises(SettingError, match="Give --batch 3, or start"):
        three.check_batch(2)
    ALONE.check_batch(5)


def test_the_augmentation_adapts_to_what_is_said_of_the_whole_batch() -> None:
    """In one part the discriminator is sure of the real images, in the other not; the mean sign, 0, is too low."""

    def adapted(processes: Processes) -> float:
        augmentation = Augmentation("full", 0.1, 0, torch.device("cpu"), processes)
        augmentation.probability.fill_(0.5)
        augmentation.adapt(processes.mine(torch.tensor([1.0, 2.0, -1.0, -3.0])), 4 // processes.count)
        return float(augmentation.probability)

    assert in_threads(2, adapted) == [adapted(ALONE)] * 2
    assert adapted(ALONE) < 0.5
