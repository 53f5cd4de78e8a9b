from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from flawforge.core.seeds import torch_stream
from flawforge.models.efficientnet import Backbone, load_backbone
from flawforge.models.extractors import features, rebatch


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return load_backbone()


def pixels(n: int, height: int = 40, width: int = 48, seed: int = 0) -> Tensor:
    return torch.randint(0, 256, (n, 1, height, width), generator=torch_stream(seed, "samples"), dtype=torch.uint8)


@given(st.lists(st.integers(0, 7), max_size=6), st.integers(1, 5))
def test_batches_are_full_and_in_order(lengths: list[int], batch: int) -> None:
    numbers = torch.arange(sum(lengths))
    pieces = list(rebatch(iter(numbers.split(lengths)), batch))
    assert torch.cat(pieces).tolist() == numbers.tolist() if pieces else not len(numbers)
    assert all(len(piece) == batch for piece in pieces[:-1])
    assert all(0 < len(piece) <= batch for piece in pieces)


def test_features_do_not_depend_on_how_the_stream_is_cut(backbone: Backbone) -> None:
    images = pixels(11)
    whole = features([images], backbone)
    assert whole.shape == (11, 112)
    assert whole.dtype == torch.float32
    for blocks, batch in ((images.split(3), 4), (images.split(1), 16), ([images[:0], images], 5)):
        torch.testing.assert_close(features(blocks, backbone, batch=batch), whole, rtol=1e-5, atol=1e-5)


def test_integers_and_the_unit_range_are_the_same_images(backbone: Backbone) -> None:
    images = pixels(3)
    unit = images.float() / 127.5 - 1
    torch.testing.assert_close(features([images], backbone), features([unit], backbone))
    torch.testing.assert_close(features([unit], backbone), backbone.pooled(unit), rtol=1e-5, atol=1e-5)


def test_sizes_may_differ_and_may_be_evened_out(backbone: Backbone) -> None:
    one, other = pixels(2), pixels(3, 64, 32, seed=1)
    mixed = features([one, other], backbone, (3, 5))
    assert mixed.shape == (5, 152)
    torch.testing.assert_close(mixed[2:], features([other], backbone, (3, 5)), rtol=1e-5, atol=1e-5)
    grown = features([one, other], backbone, size=(64, 64))
    assert not torch.allclose(grown, features([one, other], backbone))


def test_a_stream_is_read_once_and_never_held_whole(backbone: Backbone) -> None:
    alive: list[int] = []

    def stream() -> Iterator[Tensor]:
        for seed in range(6):
            alive.append(seed)
            yield pixels(2, seed=seed)

    assert features(stream(), backbone, batch=4).shape == (12, 112)
    assert alive == list(range(6))
    assert features([], backbone, (3, 5)).shape == (0, 152)


def test_shorter_formats_asked_for_around_it_do_not_reach_in(backbone: Backbone) -> None:
    images = pixels(2)
    exact = features([images], backbone)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(features([images], backbone), exact)
