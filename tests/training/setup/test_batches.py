from __future__ import annotations

from collections import Counter

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from flawforge.core.seeds import torch_stream
from flawforge.training.setup.batches import RealBatches, mirror

CPU = torch.device("cpu")


def numbered(count: int) -> np.ndarray:  # type: ignore[type-arg]
    return np.arange(count, dtype=np.uint8)[:, None, None] * np.ones((1, 2, 2), np.uint8)


@settings(max_examples=30)
@given(st.integers(2, 13), st.integers(2, 9), st.integers(0, 5))
def test_every_image_is_shown_once_an_epoch_whatever_the_batch(count: int, batch: int, seed: int) -> None:
    batches = RealBatches(numbered(count), 255, batch, seed, "none")
    shown = torch.cat([batches.indices(step) for step in range(count)])  # `batch` epochs in `count` steps
    for epoch in shown.split(count):
        assert sorted(epoch.tolist()) == list(range(count))


def test_a_batch_is_a_function_of_the_step_alone() -> None:
    ahead = RealBatches(numbered(7), 255, 3, 0, "both")
    late = RealBatches(numbered(7), 255, 3, 0, "both")
    for step in range(10):
        ahead.at(step, CPU)
    assert torch.equal(ahead.at(4, CPU), late.at(4, CPU))


def test_epochs_have_different_orders_and_seeds_too() -> None:
    batches = RealBatches(numbered(20), 255, 20, 0, "none")
    other = RealBatches(numbered(20), 255, 20, 1, "none")
    assert batches.indices(0).tolist() != batches.indices(1).tolist()
    assert batches.indices(0).tolist() != other.indices(0).tolist()


def test_pixels_become_channels_first_from_minus_one_to_one() -> None:
    colour = np.zeros((2, 3, 5, 3), np.uint8)
    colour[..., 1] = 255
    batch = RealBatches(colour, 255, 2, 0, "none").at(0, CPU)
    assert batch.shape == (2, 3, 3, 5)
    assert batch[:, 0].unique().tolist() == [-1.0]
    assert batch[:, 1].unique().tolist() == [1.0]
    deep = RealBatches(np.full((2, 3, 5), 4095, np.uint16), 4095, 2, 0, "none").at(0, CPU)
    assert deep.unique().tolist() == [1.0]


def test_mirroring_takes_half_along_each_axis_that_is_asked() -> None:
    image = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]).repeat(400, 1, 1, 1)
    seen = {
        flip: Counter(int(v) for v in mirror(image, flip, torch_stream(0, "augmentation"))[:, 0, 0, 0])
        for flip in ("none", "horizontal", "vertical", "both")
    }
    assert set(seen["none"]) == {1}
    assert set(seen["horizontal"]) == {1, 2}
    assert set(seen["vertical"]) == {1, 3}
    assert set(seen["both"]) == {1, 2, 3, 4}
    assert all(60 < count < 140 for count in seen["both"].values())  # 100 expected, standard deviation 8.7
