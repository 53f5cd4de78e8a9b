"""The figures of rare classes, beside scikit-learn's and by their laws."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from flawforge.metrics.inference.paired import gain
from flawforge.metrics.inference.resampling import resampled
from flawforge.studies.trial.analysis.figures import figures_of, verdict_figure

CLASSES = ("dent", "hole", "scratch")
EVEN = np.ones((1, 200))


def told(seed: int = 0, classes: int = 3, places: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities, some of them equal."""
    draws = np.random.default_rng(seed)
    labels = draws.choice(classes, 200, p=[0.1, *[0.9 / (classes - 1)] * (classes - 1)])
    logits = draws.normal(size=(200, classes)) + 1.5 * np.eye(classes)[labels]
    found = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return labels, found.round(places)


def values(figures: dict, outputs: np.ndarray, weights: np.ndarray = EVEN) -> dict[str, float]:
    return {
        name: float(figure.statistic(outputs[figure.of], figure.labels[figure.of], weights[:, figure.of])[0])
        for name, figure in figures.items()
    }


@pytest.mark.parametrize("seed", range(4))
def test_the_figures_of_a_rare_type_are_those_of_scikit_learn(seed: int) -> None:
    labels, outputs = told(seed)
    found = values(figures_of("type", CLASSES, labels, rare=("dent",)), outputs)
    own, taken = labels == 0, outputs.argmax(1) == 0
    assert found["average precision of dent"] == pytest.approx(metrics.average_precision_score(own, outputs[:, 0]))
    assert found["recall of dent"] == pytest.approx(metrics.recall_score(own, taken))
    assert found["precision of dent"] == pytest.approx(metrics.precision_score(own, taken))
    assert found["F1 of dent"] == pytest.approx(metrics.f1_score(own, taken))
    assert found["balanced accuracy"] == pytest.approx(metrics.balanced_accuracy_score(labels, outputs.argmax(1)))


@pytest.mark.parametrize("seed", range(3))
def test_weights_of_images_are_those_of_scikit_learn_too(seed: int) -> None:
    labels, outputs = told(seed)
    weights = np.random.default_rng(seed).integers(0, 4, (1, 200)).astype(float)
    found = values(figures_of("type", CLASSES, labels, rare=("dent",)), outputs, weights)
    own, taken, each = labels == 0, outputs.argmax(1) == 0, weights[0]
    wanted = metrics.average_precision_score(own, outputs[:, 0], sample_weight=each)
    assert found["average precision of dent"] == pytest.approx(wanted)
    assert found["precision of dent"] == pytest.approx(metrics.precision_score(own, taken, sample_weight=each))
    assert found["F1 of dent"] == pytest.approx(metrics.f1_score(own, taken, sample_weight=each))


def test_a_rare_kind_of_defect_is_compared_with_good_images_alone() -> None:
    kinds, outputs = told(5)
    names = np.array(["dent", "good", "scratch"])[kinds]
    two = np.c_[outputs[:, 1], 1 - outputs[:, 1]]
    labels = (names != "good").astype(np.int64)
    found = values(figures_of("good", ("good", "defective"), labels, names.tolist(), ("dent",)), two)
    among = names != "scratch"
    own, taken = names[among] == "dent", two[among].argmax(1) == 1
    assert found["average precision of dent"] == pytest.approx(metrics.average_precision_score(own, two[among, 1]))
    assert found["precision of dent"] == pytest.approx(metrics.precision_score(own, taken))
    assert found["recall of dent"] == pytest.approx(metrics.recall_score(own, taken))
    assert found["AUROC"] == pytest.approx(metrics.roc_auc_score(labels, two[:, 1]))


@pytest.mark.parametrize("task", ["type", "good"])
def test_of_several_rare_classes_the_verdict_rests_on_the_mean(task: str) -> None:
    labels, outputs = told(1)
    names = [("dent", "good", "scratch")[code] for code in labels]
    classes: tuple[str, ...] = ("dent", "good", "scratch")
    if task == "good":
        labels, outputs, classes = (labels != 1).astype(np.int64), outputs[:, [1, 0]], ("good", "defective")
    rare = ("dent", "scratch")
    found = values(figures_of(task, classes, labels, names, rare), outputs)  # type: ignore[arg-type]
    assert next(iter(found)) == verdict_figure(task, rare) == "mean average precision of the rare classes"  # type: ignore[arg-type]
    each = [found[f"average precision of {name}"] for name in rare]
    assert found[next(iter(found))] == pytest.approx(np.mean(each))


def test_where_nothing_is_taken_for_the_class_its_precision_is_0_and_without_an_image_of_it_nothing_is_measured() -> (
    None
):
    labels, _ = told()
    outputs = np.tile([0.1, 0.5, 0.4], (200, 1))
    figures = figures_of("type", CLASSES, labels, rare=("dent",))
    found = values(figures, outputs)
    assert (found["precision of dent"], found["recall of dent"], found["F1 of dent"]) == (0, 0, 0)
    assert found["average precision of dent"] == pytest.approx((labels == 0).mean())
    without = values(figures, outputs, (labels != 0)[None].astype(float))
    assert all(np.isnan(without[name]) for name in without if name.endswith("of dent"))


def test_the_verdict_rests_on_one_figure_that_is_named_first() -> None:
    assert verdict_figure("type") == "balanced accuracy"
    assert verdict_figure("good") == "AUROC"
    assert verdict_figure("type", ("dent",)) == verdict_figure("good", ("dent",)) == "average precision of dent"
    labels, _ = told()
    assert next(iter(figures_of("type", CLASSES, labels, rare=("dent",)))) == "average precision of dent"
    assert next(iter(figures_of("type", CLASSES, labels, unequal=True))) == "balanced accuracy"


def test_equal_classes_have_the_freedom_that_they_have_together_and_a_rare_one_that_of_its_own_groups() -> None:
    labels = np.repeat(np.arange(3), 20)
    outputs = np.random.default_rng(0).dirichlet(np.ones(3), (4, 60))
    figures = figures_of("type", CLASSES, labels, unequal=True)
    figure = figures["balanced accuracy"]
    plain = resampled(outputs, labels, None, figure.statistic)
    even = resampled(outputs, labels, None, figure.statistic, rests_on=figure.rests_on)
    assert even.freedom == pytest.approx(plain.freedom) == 57
    assert gain(even).at() == pytest.approx(gain(plain).at())
    rare = figures_of("type", CLASSES, labels, rare=("hole",))["average precision of hole"]
    found = resampled(outputs, labels, np.arange(60) // 2, rare.statistic, rests_on=rare.rests_on)
    assert found.freedom == pytest.approx(9)
    assert found.step == 1 / 20
    unlike = np.repeat(np.arange(3), (4, 26, 30))
    figure = figures_of("type", CLASSES, unlike, unequal=True)["balanced accuracy"]
    assert 3 < resampled(outputs, unlike, None, figure.statistic, rests_on=figure.rests_on).freedom < 10
    one = np.where(labels == 0, 0, np.arange(60))
    with pytest.raises(ValueError, match="of 1 groups; an interval takes 2"):
        resampled(outputs, labels, one, figure.statistic, rests_on=[labels == 0])
