"""Training of inspection models: what is shown, what is learned, and what is the same each time."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from flawforge.core.errors import DataUnusableError, TrainingDivergedError
from flawforge.core.seeds import numpy_stream
from flawforge.core.settings.classifiers import CLASSIFIERS, ClassifierSettings
from flawforge.core.settings.policies import ClassicalPolicy
from flawforge.models.classifier import Lite0Classifier
from flawforge.training.classifier.batches import VIEW_BATCH, FeatureBatches
from flawforge.training.classifier.descent import parameter_groups
from flawforge.training.classifier.fit import fit, predict
from flawforge.training.classifier.labelled_images import LabelledImages, as_unit_floats, balanced_order, good_images

SEEN: list[Tensor] = []


class Watched(nn.Module):
    """A small network that keeps what it is shown while it trains."""

    def __init__(self, classes: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.drop = nn.Dropout(0.2)
        self.classifier = nn.Linear(8, classes)

    def forward(self, images: Tensor) -> Tensor:
        if self.training:
            SEEN.append(images.detach().clone())
        out: Tensor = self.classifier(self.drop(torch.relu(self.norm(self.conv(images))).mean((2, 3))))
        return out


@pytest.fixture(autouse=True)
def watched() -> Iterator[None]:
    module = types.ModuleType("watched_factory")
    module.make = lambda classes, channels, _: Watched(classes, channels)  # type: ignore[attr-defined]
    sys.modules["watched_factory"] = module
    SEEN.clear()
    yield
    del sys.modules["watched_factory"]


def stripes(count: int, seed: int, size: int = 32, level: int = 0) -> LabelledImages:
    """Two classes: noise with faint lines along the rows, and the same turned."""
    draws = torch.Generator().manual_seed(seed)
    rows = (torch.rand(count, 1, size, 1, generator=draws) - 0.5) * 60
    ground = 120 + level + rows + 25 * torch.randn(count, 1, size, size, generator=draws)
    labels = torch.arange(count) % 2
    images = torch.where(labels[:, None, None, None] == 0, ground, ground.transpose(2, 3))
    return LabelledImages(images.clamp(0, 255).to(torch.uint8), labels)


def flat(count: int, level: int) -> LabelledImages:
    return LabelledImages(torch.full((count, 1, 8, 8), level, dtype=torch.uint8), torch.arange(count) % 2)


def quick(**changes: Any) -> ClassifierSettings:
    return ClassifierSettings(**{"steps": 40, "batch": 16, "policy": "none", "precision": "float32", **changes})


def shown(settings: ClassifierSettings, **arguments: Any) -> list[tuple[int, int]]:
    """Train on black real and white generated images; return (real, generated) of each pass."""
    SEEN.clear()
    asked = settings.model_copy(update={"model": "watched_factory:make"})
    fit(asked, flat(6, 0), 2, 0, generated=flat(10, 255), **arguments)
    return [(int((x < 0).flatten(1).all(1).sum()), int((x > 0).flatten(1).all(1).sum())) for x in SEEN]


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_it_learns_a_planted_difference(model: str) -> None:
    settings = quick(model=model, steps=60 if model != "effnet-finetune" else 12, views=128, policy="light")
    network = fit(settings, stripes(24, 0), 2, 0, good=0)
    test = stripes(60, 1)
    assert float((predict(network, test.images).argmax(1) == test.labels).float().mean()) > 0.9


def test_it_finds_nothing_where_there_is_nothing() -> None:
    """With labels that mean nothing, accuracy on other images is a coin's: 200 tosses stay within 4 deviations."""
    noise = stripes(24, 0)
    labels = torch.randint(2, (24,), generator=torch.Generator().manual_seed(5))
    network = fit(quick(), LabelledImages(noise.images, labels), 2, 0)
    test = stripes(200, 1)
    coins = torch.randint(2, (200,), generator=torch.Generator().manual_seed(6))
    assert abs(float((predict(network, test.images).argmax(1) == coins).float().mean()) - 0.5) < 4 * 0.5 / 200**0.5


@pytest.mark.parametrize("model", ["small-cnn", "effnet-probe", "effnet-focus", "watched_factory:make"])
def test_the_seed_decides_every_weight(model: str) -> None:
    settings = quick(model=model, steps=4, policy="strong", views=32)
    real, generated = stripes(8, 0), stripes(8, 1)
    first = fit(settings, real, 2, 0, generated, 0.5, good=0).state_dict()
    torch.rand(3)  # the global generator has no say
    same = fit(settings, real, 2, 0, generated, 0.5, good=0).state_dict()
    other = fit(settings, real, 2, 1, generated, 0.5, good=0).state_dict()
    assert all(first[key].equal(same[key]) for key in first)
    assert any(not first[key].equal(other[key]) for key in first)


def test_every_arm_is_shown_as_many_images_in_as_many_steps() -> None:
    settings = quick(steps=3, batch=8)
    assert shown(settings) == [(8, 0)] * 3
    assert shown(settings, share=0.5) == [(4, 0), (0, 4)] * 3
    assert shown(settings, share=0.3) == [(6, 2)] * 3  # too few for statistics of their own
    assert shown(settings, share=1.0) == [(0, 8)] * 3
    assert shown(settings, share=0.56) == [(4, 0), (0, 4)] * 3


def test_only_generated_needs_no_real_images() -> None:
    fit(quick(steps=2, model="watched_factory:make"), None, 2, 0, generated=flat(4, 200), share=1.0)
    assert all(bool((x > 0).all()) for x in SEEN)


def test_a_policy_that_mixes_blends_real_and_generated_images_with_each_other() -> None:
    """Real images are black and generated ones white, so that a batch holds both levels in single images."""
    settings = quick(model="watched_factory:make", steps=3, policy=ClassicalPolicy(cutmix=1.0))
    fit(settings, flat(6, 0), 2, 0, generated=flat(6, 255), share=0.5)
    shown = torch.cat([images.flatten(1) for images in SEEN])
    assert bool(((shown.amin(1) < -0.9) & (shown.amax(1) > 0.9)).any())
    SEEN.clear()
    fit(settings.model_copy(update={"policy": "none"}), flat(6, 0), 2, 0, generated=flat(6, 255), share=0.5)
    shown = torch.cat([images.flatten(1) for images in SEEN])
    assert not bool(((shown.amin(1) < -0.9) & (shown.amax(1) > 0.9)).any())


def test_generated_images_leave_batch_norms_statistics_alone() -> None:
    """Real images are gray, generated ones white: the kept mean is that of real ones unless they share a pass."""
    kept = {}
    for policy in ("none", ClassicalPolicy(cutmix=1.0)):
        settings = quick(model="watched_factory:make", steps=60, policy=policy, lr=1e-6)
        network = fit(settings, flat(6, 128), 2, 0, generated=flat(6, 255), share=0.5)
        alone = fit(settings, flat(6, 128), 2, 0)
        kept[policy] = (network.norm.running_mean - alone.norm.running_mean).abs().max()  # type: ignore[union-attr, operator]
    apart, mixed = kept.values()
    assert float(apart) < 1e-4
    assert float(mixed) > 0.05


def test_soft_labels_are_learned_as_they_are() -> None:
    """Images that tell nothing, all with a label of 0.7: so says the trained network, and as smoothing makes it."""
    soft = torch.tensor([[0.7, 0.3]]).repeat(8, 1)
    images = torch.randint(90, 110, (8, 1, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    settings = quick(model="effnet-probe", views=16, steps=300, lr=0.05, weight_decay=0.0)
    found = predict(fit(settings, LabelledImages(images, soft), 2, 0), images[:1])
    torch.testing.assert_close(found, soft[:1], atol=0.02, rtol=0)
    hard = LabelledImages(images, torch.zeros(8, dtype=torch.int64))
    smoothed = settings.model_copy(update={"label_smoothing": 0.2})
    torch.testing.assert_close(predict(fit(smoothed, hard, 2, 0), images[:1])[0, 0].item(), 0.9, atol=0.02, rtol=0)


def test_the_step_size_rises_and_falls_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights move by at most about the step size each step (AdamW): little first, most after the rise, little last."""
    seen: list[float] = []
    original = torch.optim.AdamW.step

    def watched_step(self: torch.optim.AdamW) -> None:
        seen.extend({group["lr"] for group in self.param_groups})
        original(self)

    monkeypatch.setattr(torch.optim.AdamW, "step", watched_step)
    fit(quick(model="watched_factory:make", steps=20, lr=0.01, warm_up=0.2), flat(4, 9), 2, 0)
    assert len(seen) == 20
    assert seen[:5] == pytest.approx([0.00125, 0.00375, 0.00625, 0.00875, 0.01], rel=0.01)
    assert seen[4:] == sorted(seen[4:], reverse=True)
    assert 0 < seen[-1] < 1e-4


def test_weights_decay_and_norms_and_biases_do_not() -> None:
    network = fit(quick(steps=1), stripes(8, 0), 2, 0)
    weights, others = parameter_groups(network, 0.3)
    assert (weights["weight_decay"], others["weight_decay"]) == (0.3, 0.0)
    assert {weight.ndim for weight in weights["params"]} == {2, 4}  # type: ignore[attr-defined]
    assert {weight.ndim for weight in others["params"]} == {1}  # type: ignore[attr-defined]


def test_the_average_follows_the_weights() -> None:
    real = stripes(8, 0)
    last, averaged = (fit(quick(steps=8, ema_kimg=kimg), real, 2, 0).state_dict() for kimg in (0.0, 1.0))
    assert not last["classifier.weight"].equal(averaged["classifier.weight"])
    near = fit(quick(steps=8, ema_kimg=1e-9), real, 2, 0).state_dict()
    assert near["classifier.weight"].equal(last["classifier.weight"])


@pytest.mark.parametrize("model", ["small-cnn", "effnet-probe", "effnet-focus"])
def test_a_prediction_depends_on_its_image_alone(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flawforge.training.classifier.fit.PREDICT_BATCH", 16)
    network = fit(quick(steps=2, model=model, views=16), stripes(8, 0), 2, 0, good=1)
    images = stripes(38, 1).images
    together = predict(network, images)
    assert predict(network, images[33:]).equal(together[33:])
    assert predict(network, images[10:11]).equal(together[10:11])
    torch.testing.assert_close(together.sum(1), torch.ones(38))
    assert predict(network, images[:0]).shape[0] == 0


def test_colour_and_sides_that_differ() -> None:
    images = torch.randint(0, 256, (8, 3, 32, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    network = fit(quick(steps=2, policy="strong"), LabelledImages(images, torch.arange(8) % 3), 3, 0)
    assert predict(network, images).shape == (8, 3)


def test_a_loss_that_is_no_number_says_why() -> None:
    with pytest.raises(TrainingDivergedError, match="no longer a number; take a smaller lr than 10"):
        fit(quick(steps=20, lr=10.0, model="watched_factory:make", weight_decay=10.0, warm_up=0), stripes(8, 0), 2, 0)


def test_no_image_but_real_good_ones_enters_the_memory_bank() -> None:
    """Whatever the defective and the generated images are, the bank is that of the good real ones."""
    settings = quick(model="effnet-focus", steps=2, views=16)
    real, generated = stripes(8, 0), stripes(8, 1)
    painted = real.images.clone()
    painted[real.labels == 1] = 255
    bank = fit(settings, real, 2, 0, good=0).bank  # type: ignore[union-attr]
    for images, beside in ((painted, None), (real.images, generated)):
        share = 0.0 if beside is None else 0.5
        other = fit(settings, LabelledImages(images, real.labels), 2, 0, beside, share, good=0).bank  # type: ignore[union-attr]
        assert other.rows.equal(bank.rows)  # type: ignore[union-attr, operator]
    turned = fit(settings, real, 2, 0, good=1).bank  # type: ignore[union-attr]
    assert not turned.rows.equal(bank.rows)  # type: ignore[union-attr, operator]


def test_a_model_that_compares_with_good_images_asks_for_them() -> None:
    settings = quick(model="effnet-focus", steps=2, views=16)
    for good in (None, 2):
        with pytest.raises(DataUnusableError, match="hold none without a defect.* name their class with --good"):
            fit(settings, stripes(8, 0), 3, 0, good=good)
    soft = LabelledImages(torch.zeros(3, 1, 8, 8).byte(), torch.tensor([[0.2, 0.8], [0.9, 0.1], [0.4, 0.6]]))
    assert len(good_images(soft, 1)) == 2


class Counted(Lite0Classifier):
    """Counts the images whose features are worked out."""

    seen = 0

    def features(self, images: Tensor) -> Tensor:
        self.seen += len(images)
        return super().features(images)


def test_a_changed_image_that_comes_again_is_worked_out_once() -> None:
    settings = quick(model="effnet-probe", policy="mirrors", views=200)
    real = stripes(6, 0)
    network = Counted(2, trained=False)
    batches = FeatureBatches(real, "real", 8, settings, 2, 0, torch.device("cpu"))
    batches.look(network, 200, 0)
    assert 6 < network.seen <= 6 * 4  # each of six images and its mirror images
    assert len(batches.images) == len(batches.labels) == 200
    plain = FeatureBatches(real, "real", 8, settings, 2, 0, torch.device("cpu"))
    chosen = balanced_order(plain.in_turn, 200, numpy_stream(0, "order", "views", "real"))
    every = [
        network.features(plain.transforms(as_unit_floats(real.images[part]), "real", "view", index))
        for index, part in enumerate(torch.split(chosen, VIEW_BATCH))
    ]
    torch.testing.assert_close(batches.images, torch.cat(every), atol=1e-4, rtol=1e-4)
    assert batches.labels.argmax(1).equal(real.labels[chosen])
