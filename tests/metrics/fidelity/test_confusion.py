"""The class of the nearest real vector."""

from __future__ import annotations

from typing import Any

import numpy as np

from flawforge.metrics.fidelity.confusion import confusion_table, nearest_class


def clouds(n: int, seed: int, apart: float = 8.0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    labels = np.arange(3 * n) % 3
    return rng.standard_normal((3 * n, 4)) + apart * labels[:, None], labels


def test_clouds_far_apart_are_told_apart_and_order_does_not_matter() -> None:
    (x, labels), (y, own) = clouds(20, 0), clouds(7, 1)
    assert np.array_equal(nearest_class(x, labels, y), own)
    turn = np.random.default_rng(2).permutation(len(x))
    assert np.array_equal(nearest_class(x[turn], labels[turn], y), own)


def test_one_distribution_is_confused_evenly() -> None:
    (x, labels), (y, own) = clouds(100, 0, 0.0), clouds(300, 1, 0.0)
    table = confusion_table(own, nearest_class(x, labels, y), (3, 3))
    assert table.sum() == 900
    assert np.abs(table / 300 - 1 / 3).max() < 5 * np.sqrt(2 / 9 / 300) + 0.05  # and the luck of the 300 real ones


def test_it_falls_with_the_fault() -> None:
    (x, labels), (y, own) = clouds(50, 0, 2.0), clouds(50, 1, 2.0)
    right = [(nearest_class(x, labels, y * share) == own).mean() for share in (1.0, 0.5, 0.0)]
    assert right == sorted(right, reverse=True)


def test_its_own_group_does_not_count() -> None:
    x = np.array([[0.0], [0.1], [5.0], [5.1]])
    labels = np.array([0, 1, 0, 1])
    assert nearest_class(x, labels, x).tolist() == [0, 1, 0, 1]
    assert nearest_class(x, labels, x, np.arange(4), np.arange(4)).tolist() == [1, 0, 1, 0]
    pairs = np.array([0, 0, 1, 1])
    assert nearest_class(x, labels, x, pairs, pairs).tolist() == [0, 0, 1, 1]
    assert nearest_class(x[:1], labels[:1], x[:1], pairs[:1], pairs[:1]).tolist() == [-1]
