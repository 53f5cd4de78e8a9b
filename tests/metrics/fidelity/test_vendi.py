"""Diversity: copies of a few modes are exposed, whatever their number."""

from __future__ import annotations

import numpy as np
import pytest

from flawforge.metrics.fidelity.vendi import clusters, vendi


def test_all_alike_is_one_and_all_unlike_is_n() -> None:
    assert vendi(np.zeros((30, 4)), 1.0) == pytest.approx(1)
    assert vendi(100.0 * np.eye(30), 1.0) == pytest.approx(30)


def test_k_modes_of_equal_size_are_worth_k() -> None:
    assert vendi(np.repeat(100.0 * np.eye(5), 8, axis=0), 1.0) == pytest.approx(5)


@pytest.mark.slow
def test_ten_thousand_images_from_twenty_modes_are_exposed() -> None:
    rng = np.random.default_rng(0)
    images = rng.normal(size=(20, 16))[rng.integers(20, size=10_000)] + 0.001 * rng.normal(size=(10_000, 16))
    found = clusters(images, 0.1)
    assert (found.repeats, found.number) == (10_000, 20)
    assert vendi(images[:300], 1.0) < 20.5


def test_repeats_chain_into_clusters() -> None:
    found = clusters(np.array([[0.0], [1.0], [2.0], [10.0], [11.5]]), 1.0)
    assert (found.repeats, found.number, found.largest) == (3, 3, 3)
