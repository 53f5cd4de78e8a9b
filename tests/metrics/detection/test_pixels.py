"""Pixel average precision, per-region overlap, AUROC of images: laws, values by hand, scikit-learn's numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from flawforge.metrics.detection.pixels import (
    COLUMNS,
    DEFECT,
    DEFECT_LEVELS,
    GROUND,
    LIMIT,
    REGIONS,
    ClassPixels,
    MeanOfClasses,
    PixelStatistics,
    average_precision,
    per_region_overlap,
    tabulate,
)

ONCE = np.ones((1, 6))
LABELS = np.array([0, 0, 1, 1, 2, 2])  # 2 is good


def drawn(seed: int = 0, skill: float = 1.5) -> tuple[Any, Any]:
    """Six maps of 20 x 20, the last two without a defect; scores on a grid that float32 holds exactly."""
    rng = np.random.default_rng(seed)
    truth = np.zeros((6, 20, 20), bool)
    truth[:2, 3:9, 4:12], truth[2:4, 10:12, 5:7] = True, True
    scores = rng.normal(size=truth.shape) + skill * truth
    return np.round(scores * 64).astype(np.float32) / 64, truth


def test_a_perfect_map_has_1_and_an_even_one_the_share_of_defective_pixels() -> None:
    _, truth = drawn()
    perfect = tabulate(truth + np.float32(0.25), truth).astype(float)
    assert average_precision(perfect, ONCE) == 1
    assert per_region_overlap(perfect, ONCE) == 1
    assert PixelStatistics(2).auroc(perfect, LABELS, ONCE) == 1
    even = tabulate(np.full(truth.shape, 0.3, np.float32), truth).astype(float)
    assert average_precision(even, ONCE)[0] == pytest.approx(truth.mean())
    assert per_region_overlap(even, ONCE)[0] == pytest.approx(LIMIT / 2)
    assert PixelStatistics(2).auroc(even, LABELS, ONCE) == 0.5


def test_finely_graded_scores_that_separate_all_still_have_1() -> None:
    maps, truth = drawn()
    assert average_precision(tabulate(maps + 100 * truth.astype(np.float32), truth).astype(float), ONCE) == 1


def test_a_monotone_change_of_the_scores_changes_nothing() -> None:
    maps, truth = drawn()
    assert np.array_equal(tabulate(maps, truth)[:, :-1], tabulate(maps * 8 - 3, truth)[:, :-1])
    assert np.array_equal(tabulate(maps, truth)[:, :-1], tabulate(maps**3, truth)[:, :-1])


@pytest.mark.parametrize("skill", [0.0, 1.0, 3.0])
def test_average_precision_is_scikit_learns_but_for_the_levels(skill: float) -> None:
    maps, truth = drawn(skill=skill)
    table = tabulate(maps, truth).astype(float)
    assert abs(average_precision(table, ONCE)[0] - average_precision_score(truth.ravel(), maps.ravel())) < (
        1 / DEFECT_LEVELS
    )
    image = roc_auc_score(LABELS != 2, maps.max((1, 2)))
    assert PixelStatistics(2).auroc(table, LABELS, ONCE)[0] == pytest.approx(image)


def test_values_by_hand() -> None:
    scores = np.array([[[0.9, 0.8, 0.4]], [[0.3, 0.2, 0.1]]], np.float32)
    truth = np.array([[[True, False, True]], [[False, False, False]]])
    table = tabulate(scores, truth).astype(float)
    once = np.ones((1, 2))
    assert average_precision(table, once)[0] == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    # one of two defects up to a quarter of the ground, both from there on
    assert per_region_overlap(table, once, 0.3)[0] == pytest.approx((0.25 * 0.5 + 0.05 * 1) / 0.3)


def test_each_defect_counts_alike_in_the_overlap_and_each_pixel_in_the_precision() -> None:
    truth = np.zeros((1, 30, 30), bool)
    truth[0, 2:12, 2:12], truth[0, 20:22, 20:22] = True, True
    large, small = truth.copy(), truth.copy()
    large[0, 20:], small[0, :15] = False, False
    of_large, of_small = (tabulate(found.astype(np.float32), truth).astype(float) for found in (large, small))
    one = np.ones((1, 1))
    assert per_region_overlap(of_large, one) == pytest.approx(per_region_overlap(of_small, one))
    assert average_precision(of_large, one)[0] > 0.9 > 0.2 > average_precision(of_small, one)[0]


def test_the_overlap_is_the_area_below_its_curve_up_to_the_limit() -> None:
    maps, truth = drawn(skill=1.0)
    defects = [(row, slice(3, 9), slice(4, 12)) for row in (0, 1)] + [
        (row, slice(10, 12), slice(5, 7)) for row in (2, 3)
    ]
    levels = np.unique(maps)[::-1]
    rates = np.array([0.0, *((maps[~truth] >= level).mean() for level in levels)])
    overlaps = np.array([0.0, *(np.mean([(maps[one] >= level).mean() for one in defects]) for level in levels)])
    fine = np.linspace(0, LIMIT, 3001)
    expected = np.interp(fine, rates, overlaps).mean()
    assert per_region_overlap(tabulate(maps, truth).astype(float), ONCE)[0] == pytest.approx(expected, abs=0.01)


def test_pixels_that_touch_at_a_corner_are_one_defect() -> None:
    truth = np.zeros((1, 6, 6), bool)
    truth[0, 1, 1] = truth[0, 2, 2] = truth[0, 5, 5] = True
    assert tabulate(np.zeros(truth.shape, np.float32), truth)[0, REGIONS].sum() == pytest.approx(2)


def test_a_weight_of_2_is_the_image_twice() -> None:
    maps, truth = drawn()
    table = tabulate(maps, truth).astype(float)
    twice, labels = np.concatenate([table, table[1:2]]), np.append(LABELS, LABELS[1])
    weights = np.ones((1, 6))
    weights[0, 1] = 2
    statistics = PixelStatistics(2)
    for statistic in (statistics.average_precision, statistics.per_region_overlap, statistics.auroc, ClassPixels(0)):
        assert statistic(table, LABELS, weights) == pytest.approx(statistic(twice, labels, np.ones((1, 7))))


def test_a_class_is_measured_on_its_own_defects_and_all_ground() -> None:
    maps, truth = drawn()
    table = tabulate(maps, truth).astype(float)
    other = truth.copy()
    other[2:4] = False
    kept = ~(truth & ~other)
    expected = average_precision_score(other[kept], maps[kept])
    assert abs(ClassPixels(0)(table, LABELS, ONCE)[0] - expected) < 2 / DEFECT_LEVELS
    both = [ClassPixels(code)(table, LABELS, ONCE)[0] for code in (0, 1)]
    assert MeanOfClasses((0, 1))(table, LABELS, ONCE)[0] == pytest.approx(np.mean(both))


def test_what_cannot_be_measured_is_no_number() -> None:
    maps, truth = drawn()
    table = tabulate(maps, truth).astype(float)
    none = np.array([[0.0, 0, 0, 0, 1, 1]])
    assert np.isnan(average_precision(table, none)[0])
    assert np.isnan(per_region_overlap(table, none)[0])
    assert np.isnan(ClassPixels(1)(table, LABELS, np.array([[1.0, 1, 0, 0, 1, 1]]))[0])


def test_every_pixel_is_counted_once() -> None:
    maps, truth = drawn()
    table = tabulate(maps, truth)
    assert table.shape == (6, COLUMNS)
    assert np.array_equal(table[:, DEFECT].sum(1), truth.sum((1, 2)))
    assert np.array_equal(table[:, GROUND].sum(1), (~truth).sum((1, 2)))


def test_wrong_maps_are_refused() -> None:
    maps, truth = drawn()
    with pytest.raises(ValueError, match="shape"):
        tabulate(maps[:, :5], truth)
    with pytest.raises(ValueError, match="not finite"):
        tabulate(np.where(truth, np.float32(np.nan), maps), truth)
