"""Tests of a whole set: silent without copying, loud with it, and fooled by neither batch nor seed."""

from __future__ import annotations

import tracemalloc
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from scipy import stats

from flawforge.metrics.copying import memorization
from metrics.contract import MetricContract

ALL = [
    memorization.data_copying,
    memorization.calibrated_distance,
    memorization.authenticity,
    memorization.closest_record_share,
]


def sets(seed: int, near: float | None = None, n: int = 40) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training, held-out and generated: of one distribution, or near copies of training."""
    rng = np.random.default_rng(seed)
    train, held, made = rng.normal(size=(3, n, 8))
    return train, held, made if near is None else train + near * rng.normal(size=train.shape)


@pytest.mark.parametrize("test", [*ALL, memorization.frechet_triangle], ids=lambda test: test.__name__)
def test_copies_are_told_and_the_effect_has_the_right_sign(test: object) -> None:
    honest, copied = test(*sets(0)), test(*sets(0, near=0.05))  # type: ignore[operator]
    assert copied.p < 0.01 < honest.p
    if test is memorization.closest_record_share:
        assert copied.effect > 0.95
    else:
        assert copied.effect < honest.effect


@pytest.mark.parametrize(
    "test", [memorization.data_copying, memorization.calibrated_distance], ids=lambda t: t.__name__
)
def test_p_values_are_uniform_without_copying(test: object) -> None:
    p = [test(*sets(seed)).p for seed in range(200)]  # type: ignore[operator]
    assert stats.kstest(p, "uniform").pvalue > 0.01


@pytest.mark.parametrize(
    "test", [memorization.authenticity, memorization.closest_record_share], ids=lambda t: t.__name__
)
def test_discrete_p_values_never_promise_too_much(test: object) -> None:
    repeats = 60 if test is memorization.closest_record_share else 200
    p = np.array([test(*sets(seed)).p for seed in range(repeats)])  # type: ignore[operator]
    for level in (0.05, 0.2, 0.5):
        assert (p <= level).mean() <= level + 3 * np.sqrt(level * (1 - level) / repeats)


def test_the_triangle_keeps_its_level() -> None:
    p = np.array([memorization.frechet_triangle(*sets(seed, n=12)).p for seed in range(20)])
    assert (p <= 0.1).mean() <= 0.1 + 3 * np.sqrt(0.09 / 20)


def mixed(seed: int, copied: bool = False) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """Training, held-out and generated images of two classes in unlike shares, and their classes."""
    rng = np.random.default_rng(seed)
    sizes = ((12, 20), (60, 8), (20, 24))
    codes = tuple(np.repeat([0, 1], size) for size in sizes)
    t, p, q = (np.where(c == 0, 1.0, 0.5)[:, None] * rng.normal(size=(len(c), 5)) + 3 * c[:, None] for c in codes)
    if copied:
        t, q = np.concatenate([t, t[:8]]), np.concatenate([t[:12], t[:8], t[12:], t[12:16]])
        q = q + 0.02 * rng.normal(size=q.shape)
        t = t[:32]
    return (t, p, q), codes


EVERY = [*ALL, memorization.frechet_triangle]


@pytest.mark.parametrize("test", EVERY, ids=lambda test: test.__name__)
def test_within_classes_unlike_mixes_keep_the_level_and_copies_are_told(test: object) -> None:
    repeats = 16 if test in (memorization.frechet_triangle, memorization.closest_record_share) else 200
    p = np.array([test(*sets, classes=codes).p for sets, codes in map(mixed, range(repeats))])  # type: ignore[operator]
    for level in (0.05, 0.2, 0.5):
        assert (p <= level).mean() <= level + 3 * np.sqrt(level * (1 - level) / repeats)
    sets, codes = mixed(0, copied=True)
    assert test(*sets, classes=codes).p <= 0.01  # type: ignore[operator]


@pytest.mark.parametrize("test", EVERY, ids=lambda test: test.__name__)
def test_one_class_is_as_no_class(test: object) -> None:
    given = sets(5)
    one = tuple(np.full(len(x), 3) for x in given)
    assert test(*given, classes=one) == test(*given)  # type: ignore[operator]


def test_closed_form_of_two_classes() -> None:
    train = np.array([[0.0], [10.0], [100.0], [110.0]])
    codes = ([0, 0, 1, 1], [0, 0, 1], [0, 1, 1])
    held, made = np.array([[4.0], [15.0], [103.0]]), np.array([[1.0], [102.0], [105.0]])
    found = memorization.data_copying(train, held, made, codes)
    # class 0: 0 of 2 pairs farther, weight 1 / 4; class 1: 1 of 2 (2 < 3 < 5), weight 1 / 4
    assert found.effect == pytest.approx((0 / 4 + 1 / 4) / (2 / 4 + 2 / 4))
    # Mann-Whitney: mean 1 each, variance 2 * 1 * 4 / 12 each
    assert found.p == pytest.approx(stats.norm.cdf((0.25 - 0.5) / np.sqrt(2 * (8 / 12) / 16)))
    held, made = np.array([[1.0], [30.0], [200.0]]), np.array([[1.0], [101.0], [300.0]])
    found = memorization.authenticity(train, held, made, codes)
    # authentic: made 0 of 1 and 1 of 2, held 1 of 2 and 1 of 1
    assert (found.effect, found.expected) == pytest.approx((1 / 3, (1 * 0.5 + 2 * 1.0) / 3))
    # P(1 of 3 drawn as made's first class is authentic: 0) = 2/3; second: 2 of 3 drawn, 2 authentic of 3: 1 or 2
    assert found.p == pytest.approx(2 / 3 * 2 / 3)


def test_equal_distances_within_classes_are_reckoned_with() -> None:
    """The normal law of van Elteren's sum has the mean and variance over all ways to deal the distances of a class."""
    train = np.zeros((2, 1))
    held, made = {0: [1.0, 2.0, 2.0], 1: [1.0, 3.0]}, {0: [1.0, 2.0], 1: [3.0, 3.0, 5.0]}
    found, mean, variance = 0.0, 0.0, 0.0
    for code in (0, 1):
        ranks = stats.rankdata([*made[code], *held[code]]) / (len(made[code]) + len(held[code]) + 1)
        dealt = [sum(some) for some in combinations(ranks, len(made[code]))]
        found, mean, variance = found + dealt[0], mean + np.mean(dealt), variance + np.var(dealt)
    rows = [np.array(side[0] + side[1])[:, None] for side in (held, made)]
    codes = ([0, 1], [0, 0, 0, 1, 1], [0, 0, 1, 1, 1])
    told = memorization.data_copying(train, *rows, codes)
    assert told.p == pytest.approx(stats.norm.cdf((found - mean) / np.sqrt(variance)))
    alike = memorization.data_copying(train, rows[0] * 0, rows[1] * 0, codes)
    assert (alike.effect, alike.p) == (0.5, 1)


def test_classes_without_common_ones_or_of_other_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="no class in common"):
        memorization.data_copying(*sets(0), classes=([0] * 40, [0] * 40, [1] * 40))
    with pytest.raises(ValueError, match="it is one number for each image"):
        memorization.data_copying(*sets(0), classes=([0] * 40, [0] * 39, [0] * 40))


@pytest.mark.parametrize("test", ALL, ids=lambda test: test.__name__)
def test_memory_is_bounded(test: object) -> None:
    rng = np.random.default_rng(0)
    train, held, made = rng.normal(size=(4000, 2)), rng.normal(size=(20, 2)), rng.normal(size=(3000, 2))
    tracemalloc.start()
    test(train, held, made)  # type: ignore[operator]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 90e6  # 3,000 x 4,000 distances alone are 96 MB


class Effect(MetricContract):
    """The seven properties of a test's effect; the fault is the share of generated images that are near copies."""

    faults = (0, 0.25, 0.5, 1)
    higher_is_worse = False
    repeats = 10
    examine: Any
    of_copies = 0.0  # the effect where the generated images are the training images

    def measure(self, *sets: Any) -> Any:
        return type(self).examine(*sets).effect

    def sets(self, seed: int, fault: float, sizes: tuple[int, ...] = (40, 40)) -> Any:
        rng = np.random.default_rng(seed)
        train, held, made = rng.normal(size=(3, max(sizes), 8))
        copied = round(fault * sizes[1])
        made[:copied] = train[np.arange(copied) % sizes[0]] + 0.05 * rng.normal(size=(copied, 8))
        return train[: sizes[0]], held[: sizes[0]], made[: sizes[1]]

    def identical(self) -> Any:
        train, held, _ = self.sets(0, 0)
        return (train, held, train), self.of_copies

    def swapped(self, train: Any, held: Any, made: Any) -> Any:
        return (train, made, held), 1 - self.measure(train, held, made)

    def closed_forms(self) -> Any:
        train, held = np.array([[0.0], [10.0]]), np.array([[4.0], [14.0]])
        return [((train, held, np.array(made)[:, None]), effect) for made, effect in self.on_a_line]

    on_a_line: Any = ()

    def one_sided(self) -> Any:
        """Copies of training images are told from copies of held-out ones, which are no copying."""
        train, held, _ = self.sets(1, 0)
        copied, honest = ((0, 0.25), (0.3, 1)) if self.of_copies == 0 else ((0.75, 1), (0, 0.25))
        return [((train, held, train + 0.01), *copied), ((train, held, held + 0.01), *honest)]


class TestDataCopying(Effect):
    examine = staticmethod(memorization.data_copying)
    on_a_line = (([1.0, 11.0], 0),)  # 1 and 1 against 4 and 4

    def reference(self, train: Any, held: Any, made: Any) -> Any:
        near = [np.array([min(np.linalg.norm(x - t) for t in train) for x in side]) for side in (held, made)]
        return np.mean(near[1][:, None] > near[0][None])


class TestCalibratedDistance(Effect):
    examine = staticmethod(memorization.calibrated_distance)
    on_a_line = (([0.0, 10.0], 0),)  # copies

    def reference(self, train: Any, held: Any, made: Any) -> Any:
        ratios = []
        for side in (held, made):
            apart = np.array([sorted(np.linalg.norm(x - t) for t in train)[:50] for x in side])
            ratios.append(2 * apart[:, 0] / apart.mean(axis=1))
        return np.mean(ratios[1][:, None] > ratios[0][None])


class TestAuthenticity(Effect):
    examine = staticmethod(memorization.authenticity)
    on_a_line = (([1.0, 30.0], 0.5),)

    def swapped(self, train: Any, held: Any, made: Any) -> Any:
        return (train, made + 1, made), self.measure(train, held, made)  # a share: the other side plays no part in it

    def reference(self, train: Any, _: Any, made: Any) -> Any:
        near = [min(range(len(train)), key=lambda i: np.linalg.norm(x - train[i])) for x in made]
        reach = [min(np.linalg.norm(train[i] - t) for j, t in enumerate(train) if j != i) for i in near]
        return np.mean([np.linalg.norm(x - train[i]) > r for x, i, r in zip(made, near, reach, strict=True)])


class TestClosestRecordShare(Effect):
    higher_is_worse = True
    examine = staticmethod(memorization.closest_record_share)
    of_copies = 1.0
    on_a_line = (([1.0, 11.0, 13.0], 2 / 3),)

    def swapped(self, train: Any, held: Any, made: Any) -> Any:
        return (held, train, made), 1 - self.measure(train, held, made)

    def reference(self, train: Any, held: Any, made: Any) -> Any:
        both = np.concatenate([train, held])
        return np.mean([np.argmin([np.linalg.norm(x - t) for t in both]) < len(train) for x in made])
