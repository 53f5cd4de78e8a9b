"""The seven tests of a metric, for each number that a trial can rest on; scikit-learn is the independent reference."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from flawforge.metrics.inference import classification as c

Metric = Callable[..., float]


def scalar(statistic: c.Statistic) -> Metric:
    """Return the statistic as one number of (N, K) probabilities or (N,) scores, with (N,) weights or without."""

    def measured(outputs: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None) -> float:
        columns = outputs if outputs.ndim == 2 else np.stack([-outputs, outputs], axis=1)
        given = np.ones(len(labels)) if weights is None else np.asarray(weights, dtype=np.float64)
        return float(statistic(columns, labels, given[None, :])[0])

    return measured


TWO = {name: scalar(c.STATISTICS[name]) for name in c.TASK_STATISTICS["good"]}
MANY = {name: scalar(c.STATISTICS[name]) for name in c.TASK_STATISTICS["type"]}
accuracy, balanced_accuracy, macro_f1 = (MANY[name] for name in ("accuracy", "balanced accuracy", "macro-F1"))
auroc, aupr = TWO["AUROC"], TWO["AUPR"]


def recall_at(scores: np.ndarray, labels: np.ndarray, rate: float, weights: np.ndarray | None = None) -> float:
    return scalar(partial(c.weighted_recall_at, rate=rate))(scores, labels, weights)


ALL = {**TWO, **MANY}


def drawn(
    classes: int, n: int = 300, seed: int = 0, skill: float = 1.0, digits: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.r_[np.arange(classes), rng.choice(classes, n - classes, p=rng.dirichlet(np.full(classes, 3.0)))]
    logits = rng.standard_normal((n, classes)).round(digits)  # rounded: ties happen
    logits[np.arange(n), labels] += skill
    weights = np.exp(logits)
    return weights / weights.sum(axis=1, keepdims=True), labels


def classes_of(name: str) -> int:
    return 2 if name in TWO else 4


@pytest.mark.parametrize(("name", "metric"), ALL.items())
def test_identity_perfect_probabilities_give_one(name: str, metric: Metric) -> None:
    _, labels = drawn(classes_of(name))
    assert metric(np.eye(classes_of(name))[labels], labels) == 1


@pytest.mark.parametrize(("name", "metric"), MANY.items())
def test_swap_of_class_names_changes_nothing(name: str, metric: Metric) -> None:
    p, labels = drawn(4, digits=9)  # of equals the first is told, which does depend on the order
    order = np.array([2, 0, 3, 1])
    assert metric(p[:, np.argsort(order)], order[labels]) == pytest.approx(metric(p, labels), abs=1e-15)


def test_swap_of_good_and_defective_turns_the_area_around() -> None:
    p, labels = drawn(2)
    s = p[:, 1]
    assert auroc(-s, labels) == pytest.approx(1 - auroc(s, labels), abs=1e-15)
    assert auroc(-s, 1 - labels) == pytest.approx(auroc(s, labels), abs=1e-15)


@pytest.mark.parametrize("skill", [0.0, 0.5, 1.5])
def test_closed_form_of_normal_scores(skill: float) -> None:
    # area = Phi(d / sqrt 2); its standard error is below 1 / sqrt(12 n) a side, n = 20,000: 4 errors are 0.012
    from scipy.stats import norm

    rng = np.random.default_rng(1)
    labels = np.arange(40_000) % 2
    scores = rng.standard_normal(40_000) + skill * labels
    assert auroc(scores, labels) == pytest.approx(norm.cdf(skill / np.sqrt(2)), abs=0.012)
    want = norm.sf(norm.isf(0.05) - skill)
    assert recall_at(scores, labels, 0.05) == pytest.approx(want, abs=4 * np.sqrt(0.5 / 20_000))


def test_closed_form_of_a_table() -> None:
    # 3 of 4 of class 0, 1 of 2 of class 1: accuracy 4/6, balanced 5/8; F1: 2*3/(4+4), 2*1/(2+2)
    labels = np.array([0, 0, 0, 0, 1, 1])
    p = np.eye(2)[[0, 0, 0, 1, 1, 0]]
    assert accuracy(p, labels) == pytest.approx(4 / 6, abs=1e-15)
    assert balanced_accuracy(p, labels) == pytest.approx(5 / 8, abs=1e-15)
    assert macro_f1(p, labels) == pytest.approx((6 / 8 + 2 / 4) / 2, abs=1e-15)
    # ranks by hand: scores .9 .8 .7 .6 of defective, good, defective, good
    scores, truth = np.array([0.9, 0.8, 0.7, 0.6]), np.array([1, 0, 1, 0])
    assert auroc(scores, truth) == 3 / 4
    assert aupr(scores, truth) == pytest.approx((1 + 2 / 3) / 2, abs=1e-15)
    assert recall_at(scores, truth, 0.4) == 0.5  # one alarm is half of the good ones: not allowed
    assert recall_at(scores, truth, 0.5) == 1


@pytest.mark.parametrize(("name", "metric"), ALL.items())
def test_monotone_in_the_share_of_images_whose_scores_mean_nothing(name: str, metric: Metric) -> None:
    p, labels = drawn(classes_of(name), 2000, skill=6.0)
    noise, order = drawn(classes_of(name), 2000, 9, 0.0)[0], np.random.default_rng(2).permutation(2000)
    values = []
    for share in (0.0, 0.25, 0.5, 1.0):
        mixed = p.copy()
        mixed[order[: round(share * 2000)]] = noise[order[: round(share * 2000)]]
        values.append(metric(mixed, labels))
    assert values == sorted(values, reverse=True)
    assert values[0] > values[1] > values[3]


@pytest.mark.parametrize(("name", "metric"), ALL.items())
def test_order_and_repeats_of_the_whole_set_do_not_matter(name: str, metric: Metric) -> None:
    # nothing is drawn: the seed of this metric is that there is none
    p, labels = drawn(classes_of(name), 101)
    order = np.random.default_rng(0).permutation(101)
    assert metric(p[order], labels[order]) == pytest.approx(metric(p, labels), abs=1e-13)
    assert metric(np.r_[p, p], np.r_[labels, labels]) == pytest.approx(metric(p, labels), abs=1e-13)


@pytest.mark.parametrize(("name", "metric"), ALL.items())
def test_a_weight_is_as_many_repeats_and_weights_stand_in_rows(name: str, metric: Metric) -> None:
    p, labels = drawn(classes_of(name), 60)
    times = np.random.default_rng(1).integers(0, 4, 60)
    times[labels == 1] += 1
    repeated = metric(np.repeat(p, times, axis=0), np.repeat(labels, times))
    assert metric(p, labels, times) == pytest.approx(repeated, abs=1e-13)
    rows = c.STATISTICS[name](p, labels, np.stack([np.ones(60), times.astype(float)]))
    assert rows == pytest.approx([metric(p, labels), repeated], abs=1e-13)


def test_one_sided_faults_are_told_apart() -> None:
    """All called defective against all called good; a rare class missed against a frequent one."""
    labels = np.r_[np.zeros(90, int), np.ones(10, int)]
    always = [np.tile(np.eye(2)[k], (100, 1)) for k in (0, 1)]
    assert [accuracy(p, labels) for p in always] == [0.9, 0.1]
    assert [balanced_accuracy(p, labels) for p in always] == [0.5, 0.5]
    assert macro_f1(always[0], labels) == pytest.approx(18 / 19 / 2, abs=1e-15)
    assert macro_f1(always[1], labels) == pytest.approx(2 / 11 / 2, abs=1e-15)
    # a false alarm at the top costs recall at 1 %, a miss at the bottom does not cost it all
    scores = np.r_[np.full(90, 0.1), np.full(10, 0.9)]
    alarm, miss = scores.copy(), scores.copy()
    alarm[0], miss[95] = 1.0, 0.0
    assert recall_at(alarm, labels, 0.01) == 0
    assert recall_at(miss, labels, 0.01) == pytest.approx(0.9)


@pytest.mark.parametrize("seed", range(5))
def test_scikit_learn_agrees(seed: int) -> None:
    sk = pytest.importorskip("sklearn.metrics")
    p, labels = drawn(4, 211, seed)
    told, w = p.argmax(axis=1), np.random.default_rng(seed).uniform(0.1, 3, 211)
    for weights in (None, w):
        assert accuracy(p, labels, weights) == pytest.approx(sk.accuracy_score(labels, told, sample_weight=weights))
        assert balanced_accuracy(p, labels, weights) == pytest.approx(
            sk.balanced_accuracy_score(labels, told, sample_weight=weights)
        )
        assert macro_f1(p, labels, weights) == pytest.approx(
            sk.f1_score(labels, told, average="macro", sample_weight=weights)
        )
    p, labels = drawn(2, 211, seed)
    s = p[:, 1]
    for weights in (None, w):
        assert auroc(s, labels, weights) == pytest.approx(sk.roc_auc_score(labels, s, sample_weight=weights))
        assert aupr(s, labels, weights) == pytest.approx(sk.average_precision_score(labels, s, sample_weight=weights))
        fpr, tpr, _ = sk.roc_curve(labels, s, sample_weight=weights, drop_intermediate=False)
        for rate in (0.01, 0.05, 0.3):
            want = tpr[fpr <= rate + 1e-12].max()
            assert recall_at(s, labels, rate, weights) == pytest.approx(want)


@pytest.mark.parametrize(("name", "metric"), TWO.items())
def test_without_one_of_the_two_classes_nothing_is_measured(name: str, metric: Metric) -> None:
    assert np.isnan(metric(np.array([0.1, 0.2]), np.array([1, 1])))
    assert np.isnan(metric(np.array([0.1, 0.2]), np.array([0, 0])))
