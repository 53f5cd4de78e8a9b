"""Which images an arm trains on, and with which labels."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from flawforge.core.errors import SettingError
from flawforge.core.settings.arms import ARMS
from flawforge.core.settings.trials import TrialSettings
from flawforge.models.classifier import Mirrored
from flawforge.studies.trial.cells import material as arm_material
from flawforge.studies.trial.cells.arm_training import ArmTraining
from flawforge.studies.trial.cells.arms import EXTRAS
from flawforge.studies.trial.cells.generator import DEFAULT_USAGE, GeneratedBatch
from flawforge.studies.trial.cells.material import VIEWS_PER_SHOT, Extra

CLASSES = ("good", "crack", "hole")
SOFT = np.array([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6], [0.1, 0.8, 0.1]], np.float32)


def arms(task: str) -> Any:
    """Arms of a bench without images but for two changed copies of shots."""
    one = object.__new__(ArmTraining)
    two = task == "good"
    one.width = 2 if two else 3
    one.bench = SimpleNamespace(  # type: ignore[assignment]
        dataset=SimpleNamespace(classes=CLASSES),
        targets=lambda labels: (labels > 0).astype(np.int64) if two else labels,
    )
    one.__dict__["views"] = (torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.eye(one.width)[:2])
    return one


def made() -> GeneratedBatch:
    images, none = np.full((3, 1, 4, 4), 9, np.uint8), np.zeros(3, np.uint8)
    return GeneratedBatch(images, np.array([0, 2, 1]), none, none, SOFT)


def test_pseudo_labelled_generated_images_bear_half_what_was_asked_and_half_what_the_teacher_says() -> None:
    found = arms("type").pseudo_labelled(made(), np.array([0, 1]))
    assert found.images[:, 0, 0, 0].tolist() == [0, 0, 9, 9]  # the copies of shots stay beside them
    torch.testing.assert_close(found.labels[2:], torch.tensor([[0.8, 0.15, 0.05], [0.1, 0.1, 0.8]]))


def test_of_good_and_defective_the_teachers_defects_are_added_up() -> None:
    found = arms("good").pseudo_labelled(made(), np.array([0, 2]))
    torch.testing.assert_close(found.labels[2:], torch.tensor([[0.8, 0.2], [0.05, 0.95]]))


def test_without_generated_images_the_copies_of_shots_are_all() -> None:
    for rows in (None, np.array([], np.int64)):
        assert len(arms("type").pseudo_labelled(made(), rows)) == 2


def with_outside(count: int, monkeypatch: pytest.MonkeyPatch) -> ArmTraining:
    """Arms of three shots and so many unlabelled images, whose teacher is unsure of everything."""
    images = np.random.default_rng(0).integers(0, 256, (3, 1, 8, 8)).astype(np.uint8)
    bench = SimpleNamespace(
        settings=TrialSettings(),
        dataset=SimpleNamespace(classes=CLASSES, labels=np.arange(3)),
        classes=CLASSES,
        targets=lambda labels: labels,
        images=images,
        unlabelled=np.full((count, 1, 8, 8), 7, np.uint8),
    )
    monkeypatch.setattr(arm_material, "teacher_of", lambda *_: None)
    monkeypatch.setattr(arm_material, "predict", lambda _, shown: torch.full((len(shown), 3), 1 / 3))
    return ArmTraining(bench, np.arange(3), 0, "small-cnn")  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [0, 5, 3 * VIEWS_PER_SHOT, 100])
def test_unlabelled_images_take_the_place_of_changed_copies_of_shots(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    arms = with_outside(count, monkeypatch)
    images, labels = arms.views
    assert len(images) == len(labels) == max(3 * VIEWS_PER_SHOT, count)
    assert int((images == 7).flatten(1).all(1).sum()) == count
    assert arms.copied == max(0, 3 * VIEWS_PER_SHOT - count)


def test_what_the_teacher_labels_is_pasted_only_where_it_is_mostly_shots(monkeypatch: pytest.MonkeyPatch) -> None:
    assert with_outside(0, monkeypatch).teacher_settings == with_outside(0, monkeypatch).settings
    assert with_outside(12, monkeypatch).teacher_settings.transforms.cutmix == 1
    arms = with_outside(13, monkeypatch)
    assert not arms.teacher_settings.transforms.mixes
    assert arms.settings.transforms.cutmix == 1  # of the classical arm, which has no other images
    changed = arms.teacher_settings.transforms.model_copy(update={"cutmix": 1.0})
    assert changed == arms.settings.transforms  # nothing else differs


FREE = [
    arm.name
    for arm in ARMS.values()
    if not (
        arm.needs_generator
        or arm.needs_teacher
        or arm.needs_masks
        or arm.needs_good
        or arm.needs_composed
        or arm.locates_only
    )
    and arm.name != "recommended"
]


def shown(arm: str, channels: int, task: str, counts: tuple[int, ...], seed: int = 0, others: int = 0) -> Extra:
    """What an arm shows beside so many shots of each class; the images that are no shots are all of one value."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), counts)
    images = rng.integers(0, 256, (len(labels), channels, 16, 16)).astype(np.uint8)
    rest = np.full((9, channels, 16, 16), others, np.uint8)
    two = task == "good"
    bench = SimpleNamespace(
        settings=TrialSettings(made=10, resolution=(32, 32)),
        dataset=SimpleNamespace(classes=CLASSES, labels=np.concatenate([np.repeat(np.arange(3), 3), labels])),
        classes=CLASSES[: 2 if two else 3],
        targets=lambda labels: (labels > 0).astype(np.int64) if two else labels,
        images=np.concatenate([rest, images]),
        unlabelled=rest[:0],
    )
    arms = ArmTraining(bench, np.arange(9, 9 + len(labels)), seed, "small-cnn")  # type: ignore[arg-type]
    return EXTRAS[arm](arms, None, DEFAULT_USAGE)


@pytest.mark.parametrize("counts", [(4, 4, 4), (40, 7, 2)])
@pytest.mark.parametrize("task", ["type", "good"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("arm", FREE)
def test_every_arm_shows_labelled_images_of_the_shots_alone(
    arm: str, channels: int, task: str, counts: tuple[int, ...]
) -> None:
    extra, again = (shown(arm, channels, task, counts, others=value) for value in (0, 99))
    assert (extra.material is None) == (extra.share == 0)
    if extra.material is None or again.material is None:
        assert arm in ("real", "classical")
        return
    assert 0 < extra.share < 1
    images, width = extra.material.images, 2 if task == "good" else 3
    assert (images.dtype, tuple(images.shape[1:])) == (torch.uint8, (channels, 16, 16))
    soft = extra.material.soft(width, 0.0)
    assert soft.shape == (len(images), width)
    torch.testing.assert_close(soft.sum(1), torch.ones(len(images)))
    assert (soft > 0).any(0).all()  # of every class
    assert (soft >= 0).all()
    assert torch.equal(images, again.material.images)  # no other image, of the test set or not, was looked at
    other = shown(arm, channels, task, counts, seed=1).material
    assert other is not None
    assert not torch.equal(images, other.images)


def test_rare_classes_are_pasted_as_often_as_drawn_and_the_light_of_others_on_every_class_alike() -> None:
    for arm in ("fourier-adapted", "histogram-matched", "random-light"):
        material = shown(arm, 1, "type", (40, 7, 2)).material
        assert material is not None
        assert torch.bincount(material.labels).tolist() == [10, 10, 10]
        assert not material.as_drawn
    pasted = shown("pasted-on-plentiful", 1, "type", (40, 7, 2)).material
    assert pasted is not None
    assert pasted.as_drawn
    assert pasted.labels.shape == (30, 3)


def of_scratches(defect: int) -> ArmTraining:
    """Six good images and three defective ones, which have a bar of this gray."""
    rng = np.random.default_rng(0)
    images = rng.integers(90, 150, (9, 1, 64, 64)).astype(np.uint8)
    images[6:, :, 30:34] = defect
    bench = SimpleNamespace(
        settings=TrialSettings(task="good", resolution=(64, 64), steps=30),
        dataset=SimpleNamespace(classes=("good", "crack"), labels=np.repeat([0, 1], [6, 3])),
        classes=("good", "defective"),
        good_number=0,
        targets=lambda labels: labels,
        images=images,
        unlabelled=images[:0],
    )
    return ArmTraining(bench, np.arange(9), 0, "effnet-probe", steps=30)  # type: ignore[arg-type]


def test_one_class_sees_no_defect_and_joined_with_the_classifier_both() -> None:
    white, black = of_scratches(255), of_scratches(0)
    every = np.arange(9)
    alone, same = (arms.train("one-class") for arms in (white, black))
    for name, value in alone.state_dict().items():
        assert value.equal(same.state_dict()[name])
    found = white.predictions(alone, every)
    assert found[6:, 1].min() > 0.9
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-6)
    joined = white.train("one-class-joined")
    classifier = white.train("classical")
    assert all(value.equal(joined.classifier.state_dict()[name]) for name, value in classifier.state_dict().items())  # type: ignore[union-attr, operator]
    assert not any(
        torch.equal(joined(x), other(x)) for x in [torch.zeros(1, 1, 64, 64)] for other in (alone, classifier)
    )
    assert white.predictions(joined, every)[6:, 1].min() > 0.9


def test_arms_of_good_images_alone_are_of_the_task_good() -> None:
    asked = ("classical", "one-class")
    with pytest.raises(SettingError, match="arm 'one-class' tells defective .* give task 'good' with it"):
        TrialSettings.parse({"arms": asked})
    assert TrialSettings.parse({"arms": asked, "task": "good"}).arms == asked
    assert "one-class-joined" in TrialSettings(task="good").arms
    assert not {"one-class", "one-class-joined"} & set(TrialSettings().arms)


def test_only_the_small_network_is_done_sooner_with_the_real_images_alone_and_judges_mirror_images_in_other_arms(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken: dict[str, int] = {}
    views = []
    tried = (("small-cnn", "real"), ("small-cnn", "classical"), ("effnet-probe", "real"), ("effnet-probe", "classical"))
    for model, arm in tried:
        arms = ArmTraining(of_scratches(255).bench, np.arange(9), 0, model)

        def fit(settings: Any, *_: Any, name: str = f"{model} {arm}", **__: Any) -> torch.nn.Module:
            taken[name] = settings.steps
            return torch.nn.Identity()

        monkeypatch.setattr("flawforge.studies.trial.cells.arm_training.fit", fit)
        network = arms.train(arm)
        views.append([part.axis for part in network.modules() if isinstance(part, Mirrored)])
        assert arms.steps(arm) == taken[f"{model} {arm}"]
    assert taken == {
        "small-cnn real": 10,
        "small-cnn classical": 30,
        "effnet-probe real": 30,
        "effnet-probe classical": 30,
    }
    assert views == [[], [2, 3], [], []]
    assert TrialSettings(policy="none").mirrored("small-cnn") == ()
