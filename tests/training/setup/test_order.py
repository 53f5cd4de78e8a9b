from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from flawforge.core.seeds import torch_stream
from flawforge.training.setup.batches import ROUND, Order, SharedOrder, make_order


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


@pytest.mark.parametrize("batch", [16, 15])
def test_with_many_classes_each_that_comes_in_a_batch_comes_twice(batch: int) -> None:
    of = labels(*[3, 4, 5] * 100)
    order = make_order(of, 300, 0.5, 0.25, 0, batch)
    single: dict[int, int] = {}  # of classes of which the last image of an odd batch was shown, that image
    for step in range(1000):
        shown = order.indices(range(step * batch, (step + 1) * batch))
        often = Counter(of[shown].tolist())
        assert min(often.values()) >= 2
        pairs = [shown[i : i + 2] for i in range(0, batch - 1, 2)]
        assert all(a != b for a, b in pairs)
        assert all(of[a] == of[b] for a, b in pairs)
        assert all(single.pop(of[a], a) == a for a, _ in pairs)  # the next pair of its class begins with it
        if batch % 2:
            assert of[shown[-1]] == of[shown[-2]]
            single[of[shown[-1]]] = shown[-1]


def test_pairs_show_classes_by_their_shares_and_the_images_of_a_class_equally_often() -> None:
    of = labels(*[2] * 20, *[8] * 20)
    for balance, ratio in ((0.0, 4.0), (0.5, 2.0), (1.0, 1.0)):
        order = make_order(of, 40, balance, 0.25, 0, 16)
        seen = Counter(order.indices(range(4096)))
        assert set(seen) == set(range(200))
        few, many = sum(seen[i] for i in range(40)), sum(seen[i] for i in range(40, 200))
        assert many / few == pytest.approx(ratio, rel=0.1)
        for code in range(40):
            often = [seen[i] for i in np.flatnonzero(of == code)]
            assert max(often) - min(often) <= 1
    odd = make_order(labels(*[5] * 30), 30, 0.0, 0.25, 0, 8)
    seen = Counter(odd.indices(range(6 * 2 * len(odd.round))))  # type: ignore[attr-defined]
    assert max(seen.values()) - min(seen.values()) <= 1
    unlabelled = make_order(labels(*[4] * 20, 1000), 20, 0.5, 0.25, 0, 16)
    assert np.mean(np.array(unlabelled.indices(range(2048))) >= 80) == pytest.approx(0.25, abs=0.01)


def test_pairs_are_a_function_of_seed_and_place() -> None:
    of = labels(*[3] * 300)
    straight = make_order(of, 300, 0.5, 0.25, 0, 16).indices(range(24000))
    again = make_order(of, 300, 0.5, 0.25, 0, 16)
    assert again.indices(range(20000, 24000)) == straight[20000:]
    assert again.indices(range(100)) == straight[:100]
    assert straight[:100] != straight[9600:9700]
    assert make_order(of, 300, 0.5, 0.25, 1, 16).indices(range(100)) != straight[:100]


def test_as_many_classes_as_half_a_batch_are_shown_as_ever() -> None:
    for of, classes in ((labels(*[5] * 8), 8), (labels(*range(2, 10)), 8), (labels(*[5] * 8, 9), 8)):
        plain, asked = make_order(of, classes, 0.5, 0.25, 0), make_order(of, classes, 0.5, 0.25, 0, 16)
        assert asked.indices(range(2000)) == plain.indices(range(2000))
    assert type(make_order(labels(*[5] * 9), 9, 0.5, 0.25, 0)) is Order


def test_every_class_comes_in_every_round() -> None:
    order = make_order(labels(1, 1, 100000), 3, 0.0, 0.25, 0)
    assert type(order) is Order
    tiny = SharedOrder(labels(1, 1, 5000), (0.0001, 0.0001, 0.9998), 0)
    assert {0, 1} <= set(tiny.indices(range(len(tiny.round))))
