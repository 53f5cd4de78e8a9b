from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from flawforge.core.settings.recipe import Recipe
from flawforge.core.settings.recipes import recipe
from flawforge.training.loop.step import gan_step
from flawforge.training.state.state import MovingAverage, TrainingState

CPU = torch.device("cpu")


@pytest.fixture
def made(tiny: dict[str, object]) -> Recipe:
    tiny.pop("recipe")
    return recipe("dcgan-lite", **tiny)


def step(state: TrainingState, number: int) -> None:
    noise = torch.Generator().manual_seed(number)
    real = torch.rand(4, 1, 16, 16, generator=noise) * 2 - 1
    gan_step(state, real, torch.randn(4, 8, generator=noise))
    state.step += 1
    state.average.update(state.shown, 4)


def test_a_state_that_was_put_back_goes_on_to_the_same_bits(made: Recipe) -> None:
    straight = TrainingState(made, 1, 0, CPU, "float32")
    for number in range(3):
        step(straight, number)
    kept = {key: value.clone() for key, value in straight.tensors().items()}
    step(straight, 3)

    back = TrainingState(made, 1, 99, CPU, "float32")
    back.load(kept, 3, 1.5)
    assert (back.step, back.seconds) == (3, 1.5)
    step(back, 3)
    assert all(torch.equal(value, back.tensors()[key]) for key, value in straight.tensors().items())


def test_everything_that_a_step_changes_is_in_the_tensors(made: Recipe) -> None:
    state = TrainingState(made, 1, 0, CPU, "float32")
    before = {key: value.clone() for key, value in state.tensors().items()}
    step(state, 0)
    changed = {key for key, value in state.tensors().items() if not torch.equal(value, before[key])}
    kinds = {key.split(".")[0] for key in changed}
    assert kinds == {"generator", "discriminator", "ema", "adam_g", "adam_d"}
    assert any(key.endswith(".u") for key in changed)
    assert any(key.endswith("running_var") for key in changed)
    assert changed == set(before)


def test_a_checkpoint_of_another_recipe_is_refused(made: Recipe, tiny: dict[str, object]) -> None:
    state = TrainingState(made, 1, 0, CPU, "float32")
    other = TrainingState(recipe("dcgan-lite", **tiny, ema_kimg=0), 1, 0, CPU, "float32")
    with pytest.raises(ValueError, match="the checkpoint is of another recipe: it differs in ema"):
        other.load(state.tensors(), 1, 0)


def test_a_weight_that_is_no_number_is_seen(made: Recipe) -> None:
    state = TrainingState(made, 1, 0, CPU, "float32")
    assert state.is_finite()
    with torch.no_grad():
        next(state.discriminator.parameters()).view(-1)[0] = math.nan
    assert not state.is_finite()


def test_all_that_the_optimiser_remembers_lies_where_its_weights_lie(made: Recipe) -> None:
    """A fused step on a GPU refuses a count of steps that lies on the processor."""
    state = TrainingState(made, 1, 0, torch.device("meta"), "float32")
    for adam in (state.adam_g, state.adam_d):
        assert {value.device.type for memory in adam.state.values() for value in memory.values()} == {"meta"}


def test_after_a_half_life_the_old_weight_counts_half() -> None:
    layer = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(layer.weight)
    average = MovingAverage(layer, half_life_kimg=0.1)
    nn.init.ones_(layer.weight)
    for _ in range(10):  # 100 images in batches of 10, long after the ramp
        average.update(shown=10_000, batch=10)
    assert float(average.average.weight) == pytest.approx(0.5)  # type: ignore[arg-type]


def test_a_young_training_is_averaged_over_a_twentieth_of_what_it_saw() -> None:
    average = MovingAverage(nn.Linear(1, 1), half_life_kimg=1)
    assert average.decay(shown=1000, batch=50) == pytest.approx(0.5)
    assert average.decay(shown=10**6, batch=1000) == pytest.approx(0.5)
    assert MovingAverage(nn.Linear(1, 1), 0).decay(shown=1000, batch=1) == 0


def test_statistics_of_batch_norm_are_averaged_and_counts_copied() -> None:
    norm = nn.BatchNorm2d(2)
    average = MovingAverage(norm, 1)
    norm(torch.randn(4, 2, 3, 3) + 5)
    average.update(shown=1000, batch=50)
    torch.testing.assert_close(average.average.running_mean, norm.running_mean / 2)  # type: ignore[operator]
    assert int(average.average.num_batches_tracked) == 1  # type: ignore[arg-type]
    assert not average.average.training
