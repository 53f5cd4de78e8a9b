from __future__ import annotations

import numpy as np
import pytest

from flawforge.metrics.fidelity.kid import kid
from flawforge.metrics.fidelity.precision_recall import density_coverage
from flawforge.training.health.judge import Reference, crowding, distance


def drawn(n: int, seed: int, scale: float = 1.0, shift: float = 0.0) -> np.ndarray:
    scales = np.linspace(0.1, 5.0, 12)  # features of very different widths
    return (np.random.default_rng(seed).standard_normal((n, 12)) * scale + shift) * scales


def by(real: np.ndarray, held_out: bool) -> Reference:
    return Reference(real, np.arange(len(real)), held_out)


def test_held_out_images_give_the_distance_of_the_score_over_what_is_covered() -> None:
    real, made = drawn(40, 0), drawn(50, 1, shift=0.3)
    covered = density_coverage(real, made, k=3).coverage
    assert 0.1 < covered < 1
    assert distance(by(real, True), made) == kid(real, made, np.arange(40)) / covered


@pytest.mark.parametrize("held_out", [True, False])
def test_of_two_generators_as_far_away_the_one_with_more_variety_is_better(held_out: bool) -> None:
    """One repeats 16 good images, the other is a little wrong everywhere: the kernel distance prefers the first."""
    real, many = drawn(80, 0), drawn(80, 1, shift=0.3)
    few = np.repeat(drawn(16, 2), 5, axis=0) + 0.02 * drawn(80, 5)
    assert kid(real, few) < kid(real, many)
    assert distance(by(real, held_out), many) < distance(by(real, held_out), few)


def test_below_no_distance_more_variety_is_still_better() -> None:
    """The unbiased estimate falls below 0 where the images are as good as real."""
    real = drawn(60, 0)
    few, many = np.tile(drawn(6, 2), (10, 1)), drawn(60, 1)
    values = [distance(by(real, True), made) for made in (few, many)]
    assert values[1] < values[0]


def test_an_untrained_generator_has_a_finite_distance() -> None:
    real, far = drawn(40, 0), drawn(50, 1, shift=50)
    assert distance(by(real, True), far) == pytest.approx(10 * kid(real, far))


@pytest.mark.parametrize("held_out", [True, False])
def test_it_rises_with_the_fault(held_out: bool) -> None:
    reference = by(drawn(60, 0), held_out)
    values = [distance(reference, drawn(100, 1, scale, shift)) for scale, shift in ((1, 0), (1, 0.5), (1, 1), (1, 2))]
    assert values == sorted(values)
    alike = [distance(reference, drawn(100, 1, scale)) for scale in (1, 0.1)]
    assert alike == sorted(alike)


def test_the_proxy_does_not_depend_on_the_features_units() -> None:
    real, made, units = drawn(30, 0), drawn(40, 1, shift=0.2), np.linspace(1, 9, 12)
    assert distance(by(real, False), made) == pytest.approx(distance(by(real * units, False), made * units))


def test_copies_are_not_the_best_generator_by_the_proxy() -> None:
    real = drawn(40, 0)
    honest = distance(by(real, False), drawn(400, 1))
    copies = np.repeat(real, 10, axis=0) + 0.001 * drawn(400, 2)
    assert crowding(real, copies, np.arange(40)) == 1
    assert crowding(real, drawn(400, 1), np.arange(40)) == 0
    assert distance(by(real, False), copies) > honest


def test_a_feature_without_spread_decides_nothing() -> None:
    real, made = drawn(30, 0), drawn(40, 1)
    real[:, 3] = made[:, 3] = 7.0
    assert abs(distance(by(real, False), made)) < 5


def test_the_first_criterion_is_the_distance_alone() -> None:
    reference = Reference(drawn(60, 0), np.arange(60), held_out=True)
    generated = drawn(100, 1, 0.2)
    assert distance(reference, generated, criterion=1) == kid(reference.features, generated, reference.groups)
    assert distance(reference, generated) > distance(reference, generated, criterion=1)
