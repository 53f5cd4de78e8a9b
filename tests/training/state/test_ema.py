from __future__ import annotations

import pytest
import torch
from torch import nn

from flawforge.training.state.ema import MovingAverage


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
