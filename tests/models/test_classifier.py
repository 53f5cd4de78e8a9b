"""Inspection models by name, and the user's own."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from pathlib import Path

import onnxruntime
import pytest
import torch
from torch import nn

from flawforge.core.errors import SettingError
from flawforge.core.settings.classifiers import CLASSIFIERS
from flawforge.models.classifier import FAR, FocusClassifier, Lite0Classifier, Mirrored, build_classifier, standardise
from flawforge.models.memory_bank import WIDTH


@pytest.fixture
def own() -> Iterator[types.ModuleType]:
    module = types.ModuleType("factory_of_a_user")
    sys.modules[module.__name__] = module
    yield module
    del sys.modules[module.__name__]


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize(("channels", "height", "width"), [(1, 32, 48), (3, 40, 40)])
def test_every_model_gives_logits_of_the_classes(name: str, channels: int, height: int, width: int) -> None:
    network = build_classifier(name, 5, channels, (height, width), 0).eval()
    assert network(torch.zeros(2, channels, height, width)).shape == (2, 5)


def test_the_seed_decides_the_first_weights() -> None:
    one, same, other = (build_classifier("small-cnn", 3, 1, (32, 32), seed).state_dict() for seed in (1, 1, 2))
    assert all(one[key].equal(same[key]) for key in one)
    assert not one["layers.0.weight"].equal(other["layers.0.weight"])


def test_only_the_asked_part_learns() -> None:
    probe = build_classifier("effnet-probe", 3, 1, (32, 32), 0)
    assert {name for name, weight in probe.named_parameters() if weight.requires_grad} == {
        "classifier.weight",
        "classifier.bias",
    }
    tuned = build_classifier("effnet-finetune", 3, 1, (32, 32), 0)
    tuned.train()
    nn.init.ones_(tuned.classifier.weight[0])  # type: ignore[index, union-attr, arg-type]
    tuned(torch.randn(2, 1, 32, 32)).square().sum().backward()
    learning = {name for name, weight in tuned.named_parameters() if weight.requires_grad}
    assert learning == {name for name, weight in tuned.named_parameters() if weight.grad is not None}
    assert "backbone.stem.conv.weight" in learning
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in tuned.backbone.stages[:5].modules())  # type: ignore[union-attr, index]


def test_a_probe_sees_means_and_deviations_over_all_places() -> None:
    probe = build_classifier("effnet-probe", 2, 1, (128, 128), 0).eval()
    assert isinstance(probe, Lite0Classifier)
    images = torch.rand(2, 1, 128, 160, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        features = probe.features(images)
        maps = probe.backbone.forward_stages(images, 5)[-1].double()
    torch.testing.assert_close(features[:, :112].double(), maps.mean((2, 3)), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(features[:, 112:].double(), maps.std((2, 3), correction=0), atol=2e-3, rtol=1e-3)


def test_a_probe_takes_images_smaller_than_its_network() -> None:
    probe = build_classifier("effnet-probe", 3, 1, (20, 40), 0)
    assert isinstance(probe, Lite0Classifier)
    assert probe.features(torch.zeros(2, 1, 20, 40)).shape == (2, 224)


def test_a_factory_of_the_users_is_called_with_the_sizes_and_a_seed(own: types.ModuleType) -> None:
    asked = []

    def make(classes: int, channels: int, resolution: tuple[int, int]) -> nn.Module:
        asked.append((classes, channels, resolution))
        return nn.Sequential(nn.Flatten(), nn.Linear(channels * resolution[0] * resolution[1], classes))

    own.make = make  # type: ignore[attr-defined]
    before = torch.get_rng_state()
    first, same, other = (build_classifier("factory_of_a_user:make", 4, 1, (8, 6), seed) for seed in (0, 0, 1))
    assert asked == [(4, 1, (8, 6))] * 3
    assert torch.get_rng_state().equal(before)
    assert first.state_dict()["1.weight"].equal(same.state_dict()["1.weight"])
    assert not first.state_dict()["1.weight"].equal(other.state_dict()["1.weight"])


def test_what_cannot_be_built_says_why(own: types.ModuleType) -> None:
    own.number, own.wrong = 3, lambda *_: "net"  # type: ignore[attr-defined]
    for name, reason in {
        "small-cn": "allowed: small-cnn, effnet-probe, effnet-focus, effnet-finetune, .* Did you mean 'small-cnn'",
        "no_such_module:make": "No module named 'no_such_module'. It is written module:function",
        "factory_of_a_user:made": "has no attribute 'made'",
        "factory_of_a_user:number": "no function but int",
        "factory_of_a_user:wrong": "returned str, not a torch.nn.Module",
        ":": "Empty module name",
    }.items():
        with pytest.raises(SettingError, match=reason):
            build_classifier(name, 2, 1, (32, 32), 0)


def test_a_factory_whose_network_cannot_serve_is_told_at_once(own: types.ModuleType) -> None:
    def broken(*_: object) -> nn.Module:
        raise TypeError("unexpected keyword")

    own.broken = broken  # type: ignore[attr-defined]
    own.many = lambda *_: nn.Sequential(nn.Flatten(), nn.Linear(64, 1000))  # type: ignore[attr-defined]
    own.colour = lambda *_: nn.Sequential(nn.Conv2d(3, 2, 8), nn.Flatten())  # type: ignore[attr-defined]
    own.maps = lambda *_: nn.Conv2d(1, 2, 3)  # type: ignore[attr-defined]
    own.pair = lambda *_: nn.LSTM(8, 2)  # type: ignore[attr-defined]

    def endless(*_: object) -> nn.Module:
        network = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
        nn.init.constant_(network[1].bias, float("inf"))
        return network

    own.endless = endless  # type: ignore[attr-defined]
    for name, reason in {
        "broken": "which failed: TypeError: unexpected keyword .*test_classifier.py, line",
        "many": r"maps images \(2, 1, 8, 8\) to \(2, 1000\); for 2 classes it must be \(2, 2\)",
        "colour": r"fails on images \(2, 1, 8, 8\): RuntimeError: .* to have 3 channels",
        "maps": r"to \(2, 2, 6, 6\); for 2 classes",
        "pair": r"fails on images \(2, 1, 8, 8\)",
        "endless": "logits that are not finite before any training",
    }.items():
        with pytest.raises(SettingError, match=reason):
            build_classifier(f"factory_of_a_user:{name}", 2, 1, (8, 8), 0)


def test_a_factorys_network_is_left_as_it_was_made(own: types.ModuleType) -> None:
    """It is tried on two images: that must move no statistic, mode or weight."""

    def make(*_: object) -> nn.Module:
        made = nn.Sequential(nn.BatchNorm2d(1), nn.Dropout(0.5), nn.Flatten(), nn.LazyLinear(2))
        made[0].eval()
        return made

    own.make = make  # type: ignore[attr-defined]
    first, same = (build_classifier("factory_of_a_user:make", 2, 1, (8, 8), 0) for _ in range(2))
    assert isinstance(first, nn.Sequential)
    assert [layer.training for layer in first] == [False, True, True, True]
    assert first.training
    assert float(first[0].num_batches_tracked) == 0  # type: ignore[arg-type]
    assert all(weight.grad is None and weight.requires_grad for weight in first.parameters())
    assert first[3].weight.equal(same.state_dict()["3.weight"])


def test_exposure_is_no_sign_of_a_class() -> None:
    """A brighter and flatter print of an image is standardised to the same one; an even image to nothing."""
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 0.3
    same = standardise(images)
    torch.testing.assert_close(standardise(images * 0.5 + 0.2), same, atol=0.05, rtol=0)
    torch.testing.assert_close(same.mean((1, 2, 3)), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(same.std((1, 2, 3)), torch.ones(2), atol=0.01, rtol=0)
    torch.testing.assert_close(standardise(torch.full((1, 1, 8, 8), 0.3)), torch.zeros(1, 1, 8, 8), atol=1e-4, rtol=0)
    grown = standardise(0.01 * images)  # hardly anything but noise: not stretched to full strength
    assert float(grown.std()) < 0.2
    network = build_classifier("small-cnn", 3, 3, (32, 32), 0).eval()
    assert network(images).equal(network.classifier(network.layers(same).mean((2, 3))))  # type: ignore[operator]


def test_a_side_that_is_short_is_enlarged_in_proportion() -> None:
    probe = build_classifier("effnet-probe", 3, 1, (32, 64), 0)
    assert isinstance(probe, Lite0Classifier)
    small = torch.rand(1, 1, 32, 64, generator=torch.Generator().manual_seed(0))
    large = torch.nn.functional.interpolate(small, (128, 256), mode="bilinear")
    torch.testing.assert_close(probe.features(small), probe.features(large))


def test_the_focused_network_looks_at_the_positions_that_differ_from_good_images() -> None:
    """A small bar on an image that the bank holds: the positions that it looks at are those around it."""
    good = (torch.rand(4, 1, 128, 128, generator=torch.Generator().manual_seed(0)) * 60 + 90).byte()
    network = build_classifier("effnet-focus", 3, 1, (128, 128), 0)
    assert isinstance(network, FocusClassifier)
    network.remember(good, 0)
    marked = good[:1].clone()
    marked[:, :, 64:76, 68:72] = 255
    with torch.inference_mode():
        plain, other = (network.features(images.float() / 127.5 - 1) for images in (good[:1], marked))
        assert float(plain[0, WIDTH]) < 1e-2  # the largest distance: the image is in the bank
        assert float(other[0, WIDTH]) > 10
        assert float(network.features(marked.float() / 127.5 - 1, torch.tensor([-1]))[0, WIDTH]) > 10
        maps = network.maps(marked.float() / 127.5 - 1)
        patches = network.bank.patches(maps)
        distances, far = network.bank.farthest(patches, FAR)
        rows = [int((patches[0] - one).abs().sum(1).argmin()) for one in far[0]]
        assert all(6 <= row // 16 <= 11 and 6 <= row % 16 <= 11 for row in rows)  # around the cross
        torch.testing.assert_close(other[0, :WIDTH], (far[0] * distances[0, :, None]).sum(0) / distances.sum())


def test_a_good_image_of_the_bank_is_trained_on_as_compared_with_the_others() -> None:
    good = (torch.rand(3, 1, 64, 64, generator=torch.Generator().manual_seed(0)) * 200).byte()
    network = build_classifier("effnet-focus", 2, 1, (64, 64), 0)
    assert isinstance(network, FocusClassifier)
    network.remember(good, 0)
    unit = good.float() / 127.5 - 1
    with torch.inference_mode():
        alone = network.features(unit)[:, WIDTH]
        beside = network.look(unit, good)[:, WIDTH]
        mirrored = network.look(unit.flip(3), good)[:, WIDTH]
        unknown = network.look(unit, good.flip(3))[:, WIDTH]
    assert float(alone.max()) < 1e-2 < 1 < float(beside.min())
    assert float(mirrored.min()) > 1
    assert unknown.equal(alone)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("model", CLASSIFIERS)
def test_the_network_is_the_same_in_onnx(model: str, tmp_path: Path) -> None:
    images = (torch.rand(5, 1, 48, 64, generator=torch.Generator().manual_seed(0)) * 255).byte()
    network = build_classifier(model, 3, 1, (48, 64), 0).eval()
    if isinstance(network, FocusClassifier):
        network.remember(images[:2], 0)
    if isinstance(network, Lite0Classifier):
        torch.nn.init.normal_(network.classifier.weight, generator=torch.Generator().manual_seed(0))
    unit = images.float() / 127.5 - 1
    file = tmp_path / "network.onnx"
    free = {"images": {0: "n"}, "logits": {0: "n"}}
    torch.onnx.export(
        network, (unit[:2],), file, input_names=["images"], output_names=["logits"], dynamic_axes=free, dynamo=False
    )
    assert file.stat().st_size < 20e6
    found = onnxruntime.InferenceSession(file).run(None, {"images": unit.numpy()})[0]
    with torch.inference_mode():
        torch.testing.assert_close(torch.from_numpy(found), network(unit), atol=1e-4, rtol=1e-4)


def test_a_mirrored_classifier_takes_the_mean_over_the_mirror_images() -> None:
    images = torch.rand(2, 1, 3, 3, generator=torch.Generator().manual_seed(0))
    across, both = (Mirrored(nn.Flatten(), 3), Mirrored(Mirrored(nn.Flatten(), 3), 2))
    torch.testing.assert_close(across(images), ((images + images.flip(3)) / 2).flatten(1))
    torch.testing.assert_close(both(images), both(images.flip(2)))
    assert not torch.allclose(both(images), across(images))
