"""How well two sets are told apart: equal ones are not, shifted ones are, and groups stay together."""

from __future__ import annotations

import numpy as np
import pytest

from flawforge.metrics.fidelity.separability import halves_apart, separability


def draw(seed: int, count: int, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, 30)) + shift


def test_sets_of_one_kind_are_not_told_apart_and_others_are() -> None:
    same = [separability(draw(seed, 40), draw(100 + seed, 40), np.arange(40)) for seed in range(6)]
    assert sum(found.low <= 0.5 <= found.high for found in same) >= 5
    assert abs(np.mean([found.value for found in same]) - 0.5) < 0.1
    apart = separability(draw(0, 40), draw(1, 40, 1.0), np.arange(40))
    assert apart.low > 0.9
    assert halves_apart(draw(0, 40), np.arange(40)).low < 0.5 < halves_apart(draw(0, 40), np.arange(40)).high


def test_images_of_one_group_never_help_to_recognise_each_other() -> None:
    """Two images of each group, nearly equal: seen in training they would be known as real at once."""
    found = []
    for seed in range(4):
        twins = np.repeat(draw(seed, 20), 2, axis=0) + 0.01 * draw(50 + seed, 40)
        found.append(separability(twins, draw(100 + seed, 40), np.arange(40) // 2).value)
    assert np.mean(found) < 0.65


def test_too_few_groups_are_refused() -> None:
    with pytest.raises(ValueError, match="5 groups on each side"):
        separability(draw(0, 8), draw(1, 8), np.arange(8) // 2)


def test_groups_of_the_others_do_not_help_to_recognise_each_other_either() -> None:
    rng = np.random.default_rng(3)
    real, kinds = rng.standard_normal((40, 60)), rng.standard_normal((10, 60))
    other, shots = np.repeat(kinds, 4, axis=0) + 0.05 * rng.standard_normal((40, 60)), np.repeat(np.arange(10), 4)
    loose = separability(real, other, np.arange(40), draws=0).value
    grouped = separability(real, other, np.arange(40), draws=0, other_groups=shots).value
    assert loose > 0.9
    assert grouped < 0.75
