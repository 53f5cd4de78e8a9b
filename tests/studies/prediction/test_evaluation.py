"""Figures of labelled images against scikit-learn, and thresholds against counting by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix, roc_auc_score

from flawforge.studies.prediction import evaluate
from flawforge.studies.prediction.evaluation import HALF, operating_points


def drawn(classes: int, count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.r_[np.arange(classes), rng.integers(0, classes, count - classes)]
    logits = rng.normal(0, 1, (count, classes)) + 1.2 * np.eye(classes)[labels]
    exp = np.exp(logits)
    return (exp / exp.sum(1, keepdims=True)).astype(np.float32), labels.astype(np.int64)


def test_figures_are_those_of_scikit_learn() -> None:
    probabilities, labels = drawn(4, 150)
    found = evaluate(probabilities, labels, ["a", "b", "c", "d"], "type")
    predicted = probabilities.argmax(1)
    assert found.confusion == confusion_matrix(labels, predicted).tolist()
    assert found.accuracy.value == pytest.approx(accuracy_score(labels, predicted))
    assert found.balanced_accuracy.value == pytest.approx(balanced_accuracy_score(labels, predicted))
    assert found.auroc is None
    assert found.accuracy.low is not None
    assert found.accuracy.high is not None
    assert found.accuracy.low < found.accuracy.value < found.accuracy.high
    assert {point.label for point in found.points} == {"a", "b", "c", "d"}


def test_good_and_defective_have_an_auroc_and_thresholds_of_defective_alone() -> None:
    probabilities, labels = drawn(2, 80)
    found = evaluate(probabilities, labels, ["good", "defective"], "good")
    assert found.auroc is not None
    assert found.auroc.value == pytest.approx(roc_auc_score(labels, probabilities[:, 1]))
    assert {point.label for point in found.points} == {"defective"}


def test_images_of_one_specimen_widen_the_interval() -> None:
    probabilities, labels = drawn(3, 120)
    alone = evaluate(probabilities, labels, ["a", "b", "c"], "type")
    same = evaluate(
        np.repeat(probabilities, 4, 0), np.repeat(labels, 4), ["a", "b", "c"], "type", np.repeat(np.arange(120), 4)
    )
    assert same.groups == 120
    assert same.accuracy.value == pytest.approx(alone.accuracy.value)
    assert same.accuracy.low == pytest.approx(alone.accuracy.low, abs=0.02)  # not half as wide, as of 480 images


def test_all_right_is_no_certainty() -> None:
    labels = np.repeat(np.arange(2), 10)
    found = evaluate(np.eye(2, dtype=np.float32)[labels], labels, ["good", "defective"], "good")
    assert found.accuracy.value == found.accuracy.high == 1
    assert found.accuracy.low == pytest.approx(0.839, abs=0.001)  # Wilson's, 20 of 20


def test_one_class_alone_has_no_threshold_and_too_few_images_no_interval() -> None:
    found = evaluate(np.array([[0.9, 0.1]], np.float32), np.array([0]), ["a", "b"], "type")
    assert found.points == []
    assert found.accuracy.low is None
    assert found.per_class == {"a": 1, "b": 0}


@given(
    st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0]), st.booleans()), min_size=2, max_size=40)
)
def test_thresholds_cost_what_counting_says_and_keep_to_what_is_allowed(drawn: list[tuple[float, bool]]) -> None:
    scores = np.array([score for score, _ in drawn], np.float32)
    of = np.array([own for _, own in drawn])
    if of.all() or not of.any():
        return
    points = operating_points(scores, of, "x", (0.0, 0.2))
    assert [point.threshold for point in points] == sorted(point.threshold for point in points)
    assert sum(point.threshold == HALF for point in points) == 1
    for point in points:
        taken = [float(score) >= point.threshold for score in scores]
        assert point.missed == pytest.approx(sum(o and not t for o, t in zip(of, taken, strict=True)) / of.sum())
        assert point.false_alarms == pytest.approx(
            sum(t and not o for o, t in zip(of, taken, strict=True)) / (~of).sum()
        )
    if not (scores[~of] == 1).any():  # else no threshold is free of false alarms
        free = min(point.missed for point in points if point.false_alarms == 0)
        assert free == pytest.approx(float((scores[of] <= scores[~of].max()).mean()))  # none that is free misses fewer
