from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from flawforge.core.seeds import torch_stream
from flawforge.training.order import ROUND, Order, SharedOrder, make_order


def test_the_plain_order_is_a_row_of_permutations() -> None:
    shown = Order(7, 3).indices(range(21))
    assert [sorted(shown[i : i + 7]) for i in (0, 7, 14)] == [list(range(7))] * 3
    expected = torch.randperm(7, generator=torch_stream(3, "order", 1)).tolist()
    assert shown[7:14] == expected  # as runs were begun before there were shares


def labels(*counts: int) -> np.ndarray:
    return np.repeat(np.arange(len(counts)), counts)


def test_equal_classes_without_unlabelled_images_are_shown_in_the_plain_order() -> None:
    assert type(make_order(labels(5, 5), 2, 0.5, 0.25, 0)) is Order
    assert type(make_order(labels(5, 9), 2, 0.0, 0.25, 0)) is Order
    assert type(make_order(labels(5, 9), 2, 0.5, 0.25, 0)) is SharedOrder


@pytest.mark.parametrize(("balance", "share"), [(0.0, 0.1), (0.5, 0.25), (1.0, 0.5)])
def test_classes_come_by_the_power_of_their_counts(balance: float, share: float) -> None:
    order = make_order(labels(10, 90), 2, balance, 0.25, 0)
    if balance == 0:
        order = SharedOrder(labels(10, 90), (0.1, 0.9), 0)
    seen = Counter((np.array(order.indices(range(4 * ROUND))) >= 10).tolist())
    assert seen[False] == pytest.approx(4 * ROUND * share, abs=4)
    assert sum(seen.values()) == 4 * ROUND


def test_the_images_of_a_class_come_equally_often() -> None:
    order = SharedOrder(labels(6, 50), (0.3, 0.7), 1)
    seen = Counter(order.indices(range(6 * ROUND)))
    for members in (range(6), range(6, 56)):
        often = [seen[i] for i in members]
        assert max(often) - min(often) <= 1


def test_unlabelled_images_have_a_bounded_share() -> None:
    many = make_order(labels(10, 10, 1000), 2, 0.5, 0.25, 0).indices(range(ROUND))
    assert sum(i >= 20 for i in many) == ROUND // 4
    few = make_order(labels(50, 50, 11), 2, 0.5, 0.25, 0).indices(range(ROUND))
    assert sum(i >= 100 for i in few) == pytest.approx(ROUND * 11 / 111, abs=1)


def test_an_order_is_a_function_of_seed_and_place() -> None:
    there = SharedOrder(labels(5, 20, 30), (0.2, 0.3, 0.5), 0)
    straight = there.indices(range(3000))
    again = SharedOrder(labels(5, 20, 30), (0.2, 0.3, 0.5), 0)
    assert again.indices(range(2500, 3000)) == straight[2500:]
    assert again.indices(range(100)) == straight[:100]
    assert SharedOrder(labels(5, 20, 30), (0.2, 0.3, 0.5), 1).indices(range(3000)) != straight


def test_every_class_comes_in_every_round() -> None:
    order = make_order(labels(1, 1, 100000), 3, 0.0, 0.25, 0)
    assert type(order) is Order
    tiny = SharedOrder(labels(1, 1, 5000), (0.0001, 0.0001, 0.9998), 0)
    assert {0, 1} <= set(tiny.indices(range(len(tiny.round))))
