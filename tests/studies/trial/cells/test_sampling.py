"""How batches are drawn where classes have unlike numbers of images, and what corrects the logits for it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import special
from torch import nn

import trial_material as material
from flawforge.core.settings.classifiers import ClassifierSettings
from flawforge.core.settings.trials import TrialSettings
from flawforge.models.classifier import ShiftedLogits
from flawforge.runs.cells import CellKey
from flawforge.studies.trial.cells import inner_choice, inner_evidence
from flawforge.studies.trial.cells.arm_training import ArmTraining
from flawforge.studies.trial.cells.inner_choice import choose_sampling
from flawforge.studies.trial.cells.inner_evidence import LOWEST_PROBABILITY, Criterion, inner_folds
from flawforge.studies.trial.cells.material import MOST_VIEWS
from flawforge.studies.trial.cells.sampling import TRAININGS, USUAL_SAMPLING, Sampling, SamplingChoice, variants
from flawforge.studies.trial.cells.work_list import CHOICE, SAMPLING, needs, work_list
from flawforge.training.classifier.fit import fit, predict
from flawforge.training.classifier.labelled_images import LabelledImages, shown_shares

COUNTS = (3, 30, 60)


def bench(labels: np.ndarray, groups: np.ndarray | None = None, **settings: Any) -> Any:
    classes = ("dent", "good", "scratch")
    asked = TrialSettings(**{"models": ("trial_material:small_network",), "rare": ("dent",), "shots": (3,), **settings})
    good = classes.index("good")
    names = classes if asked.task == "type" else ("good", "defective")
    draws = np.random.default_rng(4)
    return SimpleNamespace(
        settings=asked,
        dataset=SimpleNamespace(labels=labels, classes=classes),
        classes=names,
        division=SimpleNamespace(groups=np.arange(len(labels)) if groups is None else groups),
        targets=lambda codes: codes if asked.task == "type" else np.asarray(codes != good, np.int64),
        images=np.stack([material.draw(material.CLASSES[code], draws)[None] for code in labels]),
        good_number=None,
        unlabelled=np.zeros((0, 1, 32, 32), np.uint8),
    )


def uneven() -> np.ndarray:
    return np.repeat(np.arange(3), COUNTS)


def images_of(counts: tuple[int, ...], natural: bool = False) -> LabelledImages:
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    return LabelledImages(torch.full((len(labels), 1, 32, 32), 100, dtype=torch.uint8), labels, as_drawn=natural)


def test_how_often_each_class_is_shown_follows_from_the_order_and_the_generated_part() -> None:
    settings = ClassifierSettings(batch=40)
    natural, generated = images_of((2, 6), natural=True), images_of((10, 10))
    assert shown_shares(settings, natural, 2).tolist() == pytest.approx([0.25, 0.75])
    assert shown_shares(settings, images_of((2, 6)), 2).tolist() == pytest.approx([0.5, 0.5])
    assert shown_shares(settings, natural, 2, generated, 0.5).tolist() == pytest.approx([0.375, 0.625])
    assert shown_shares(settings, None, 2, generated, 1.0).tolist() == pytest.approx([0.5, 0.5])
    labelled = LabelledImages(generated.images[:2], torch.tensor([[0.8, 0.2], [0.4, 0.6]]))  # by a teacher
    assert shown_shares(settings, natural, 2, labelled, 0.5).tolist() == pytest.approx([0.425, 0.575])


@pytest.mark.parametrize(
    ("natural_and_adjusted", "told"),
    [
        ((True, False), [0.1, 0.3, 0.6]),
        ((True, True), [1 / 3] * 3),
        ((False, False), [1 / 3] * 3),
        ((False, True), [1 / 3] * 3),
    ],
)
def test_of_images_without_a_difference_a_classifier_learns_the_shares_unless_the_loss_is_adjusted(
    natural_and_adjusted: tuple[bool, bool], told: list[float]
) -> None:
    natural, adjusted = natural_and_adjusted
    real = images_of((10, 30, 60), natural)
    settings = ClassifierSettings(
        model="trial_material:small_network",
        resolution=(32, 32),
        steps=300,
        batch=100,
        lr=0.05,
        policy="none",
        adjusted_loss=adjusted,
    )
    network = fit(settings, real, 3, 0)
    assert predict(network, real.images[:1])[0].tolist() == pytest.approx(told, abs=0.02)


def test_a_shift_by_one_makes_up_for_the_natural_order_exactly() -> None:
    shown, counts = np.array([0.1, 0.3, 0.6]), np.array([1.0, 3.0, 6.0])
    shift = Sampling(order="natural", strength=1.0).shift(shown, counts)
    assert special.softmax(np.log(shown) + shift) == pytest.approx([1 / 3] * 3)
    assert shift.mean() == pytest.approx(0)
    even = Sampling(strength=0.5).shift(np.full(3, 1 / 3), counts)  # the balanced order: along the numbers of images
    assert even == pytest.approx(0.5 * shift)
    assert not Sampling(order="natural").shift(shown, counts).any()
    assert np.isfinite(Sampling(order="natural", strength=1.0).shift(np.array([0.0, 1.0]), np.array([0.0, 4.0]))).all()


def test_a_shifted_classifier_adds_its_shift_to_the_logits_wherever_it_is_used() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 3)).eval()
    shifted = ShiftedLogits(network, np.array([1.0, -0.5, -0.5])).eval()
    images = torch.randint(0, 256, (5, 1, 8, 8), dtype=torch.uint8)
    moved = predict(network, images).log() + torch.tensor([1.0, -0.5, -0.5])
    torch.testing.assert_close(predict(shifted, images), moved.softmax(1))
    assert "shift" in shifted.state_dict()


def test_the_strategies_have_names_of_their_own() -> None:
    every = [sampling for training in TRAININGS for sampling in variants(training)]
    assert len({sampling.name for sampling in every}) == len(every) == len(set(every))
    assert USUAL_SAMPLING in every


def test_each_of_three_rare_shots_is_left_out_once_and_one_part_alone_is_never_split() -> None:
    shots = np.arange(sum(COUNTS))
    folds = inner_folds(bench(uneven()), shots, 1, least=1)
    assert [int((fold < 3).sum()) for fold in folds] == [1, 1, 1]
    groups = shots.copy()
    groups[:3] = 0
    assert inner_folds(bench(uneven(), groups), shots, 1, least=1) == []
    two = np.repeat(np.arange(3), (2, 30, 60))
    assert len(inner_folds(bench(two), np.arange(92), 1, least=1)) == 3
    assert inner_folds(bench(two), np.arange(92), 1) == []  # a generator cannot learn from one


def test_a_rare_class_counts_as_much_as_all_the_rest_whichever_class_that_is_taken_for() -> None:
    labels = np.array([0, 1, 1, 2])
    criterion = Criterion.of(bench(labels), np.arange(4))
    told = np.array([[0.5, 0.3, 0.2], [0.2, 0.1, 0.7], [0.2, 0.8, 0.0], [0.2, 0.4, 0.4]], np.float32)
    scores = criterion.scores([told[:1], told[1:]])
    odds = np.exp(inner_evidence.SHIFTS)  # of rare against the rest, shifted: the best shift is found
    best = max((np.log(odd / (1 + odd)) + np.log(0.8 / (0.8 + 0.2 * odd))) / 2 for odd in odds)
    assert criterion.mean(scores) == pytest.approx(best)
    assert len(set(scores[1:].round(6))) == 1
    alarmed = np.array([3.0, 1, 1]) * told
    assert criterion.scores([alarmed / alarmed.sum(1, keepdims=True)]) == pytest.approx(scores, abs=0.02)
    everyone = Criterion.of(bench(labels, rare=(), as_is=True, shots=(0,)), np.arange(4))
    assert np.exp(everyone.scores([told])) == pytest.approx([0.5, 0.1, 0.8, 0.4])
    good = Criterion.of(bench(labels, task="good"), np.arange(4))
    two = np.array([[0.1, 0.9], [0.7, 0.3], [0.9, 0.1], [0.999, 0.001]], np.float32)
    assert good.of_all_classes.scores([two]) == pytest.approx(np.log([0.9, 0.7, 0.9, LOWEST_PROBABILITY]))
    assert good.scores([two])[0] > good.scores([two])[1] > good.scores([two])[3]
    assert good.strata.tolist() == [0, -1, -1, -1]


def test_the_error_of_few_images_is_not_hidden_by_many_others() -> None:
    criterion = Criterion.of(bench(uneven()), np.arange(sum(COUNTS)))
    draws = np.random.default_rng(0)
    means = [criterion.mean(draws.normal(size=sum(COUNTS))) for _ in range(2000)]
    errors = [criterion.error(draws.normal(size=sum(COUNTS))) for _ in range(2000)]
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(means), rel=0.1)


def test_where_classes_have_equal_numbers_nothing_is_chosen_and_nothing_trained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inner_choice, "ArmTraining", None)  # a training would fail
    equal = np.repeat(np.arange(3), 6)
    assert choose_sampling(bench(equal), np.arange(18), 0, "small-cnn") == SamplingChoice()
    plain = TrialSettings(models=("m",))
    assert not [key for key in work_list(plain) if key.arm == SAMPLING]
    assert not [key for key in work_list(TrialSettings(as_is=True, folds=0)) if key.arm == SAMPLING]


def test_every_arm_but_the_untuned_one_waits_for_the_choice_of_its_model() -> None:
    settings = TrialSettings(rare=("dent",), models=("a", "b"))
    choice = CellKey(0, 5, SAMPLING, "a")
    waiting = {key.arm for key in work_list(settings) if choice in needs(key, settings)}
    assert waiting == {*settings.arms, CHOICE} - {"real", "recommended"}
    assert needs(choice, settings) == []


def test_the_best_strategy_of_all_folds_is_chosen_and_trained_with() -> None:
    material_bench, shots = (
        bench(uneven(), steps=40, batch=24, resolution=(32, 32), policy="none"),
        np.arange(sum(COUNTS)),
    )
    found = choose_sampling(material_bench, shots, 0, "trial_material:small_network")
    every = {sampling.name: sampling for training in TRAININGS for sampling in variants(training)}
    assert set(found.scores) == set(every)
    assert found.judged == sum(COUNTS)
    best = every[max(found.scores, key=lambda name: found.scores[name])]
    assert (found.sampling.order, found.sampling.in_loss) == (best.order, best.in_loss)
    assert found.sampling == every[max(found.shifts, key=lambda name: found.shifts[name])]
    arms = ArmTraining(material_bench, shots, 0, "trial_material:small_network", sampling=Sampling(strength=1.0))
    network = arms.train("classical")
    assert isinstance(network, ShiftedLogits)
    logs = np.log(np.array(COUNTS))
    assert network.shift.tolist() == pytest.approx((logs.mean() - logs).tolist(), abs=1e-5)
    assert not isinstance(arms.train("real"), ShiftedLogits)
    natural = ArmTraining(material_bench, shots, 0, "trial_material:small_network", sampling=Sampling(order="natural"))
    assert natural.shown() == pytest.approx(np.array(COUNTS) / sum(COUNTS))
    plain = ArmTraining(material_bench, shots, 0, "trial_material:small_network")
    rare = [one.predictions(one.train("classical"), shots)[:, 0].mean() for one in (natural, plain)]
    assert rare[0] < rare[1] < arms.predictions(network, shots)[:, 0].mean()


def test_the_copies_that_a_teacher_labels_are_balanced_and_limited_where_classes_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from flawforge.studies.trial.cells import material as arm_material

    shown: list[torch.Tensor] = []
    many = bench(np.repeat(np.arange(3), (2, 200, 100)), policy="none", resolution=(32, 32))
    many.images[:] = many.dataset.labels[:, None, None, None]
    monkeypatch.setattr(arm_material, "teacher_of", lambda *_: None)
    monkeypatch.setattr(
        arm_material, "predict", lambda _, images: shown.append(images) or torch.full((len(images), 3), 1 / 3)
    )
    monkeypatch.setattr(arm_material, "ClassicalTransforms", lambda *_: lambda images, *_: images)
    images, _ = ArmTraining(many, np.arange(302), 0, "small-cnn").views
    assert len(images) == MOST_VIEWS
    assert np.bincount(images[:, 0, 0, 0].numpy()).tolist() == pytest.approx([MOST_VIEWS / 3] * 3, abs=1)
