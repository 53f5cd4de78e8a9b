"""A model that a trial has left is, reopened and as ONNX, the network that was trained."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from flawforge.core.errors import RunBrokenError, RunNotFoundError, SettingError
from flawforge.models.classifier import FocusClassifier, Lite0Classifier, ShiftedLogits, build_classifier
from flawforge.models.one_class import Joined, OneClass
from flawforge.runs.model_cards import CARD, ONNX, WEIGHTS, read_card
from flawforge.runs.records import write_record
from flawforge.runs.trials import TrialRecord
from flawforge.studies.prediction import logit_shift, network_parts, onnx_file, open_model, write_onnx, write_weights
from flawforge.studies.prediction.model_folder import _fit_buffers, find_model
from flawforge.studies.trial import load_bench
from flawforge.training.classifier.fit import predict as probabilities_of

Left = tuple[Path, TrialRecord]
OURS, THEIRS = "model/small-cnn", "model/trial_material-small_network"


def bytes_of(channels: int, count: int = 70, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, channels, 48, 64), dtype=np.uint8)


def test_the_onnx_file_gives_what_pytorch_gives_on_every_test_image(left: Left) -> None:
    out, _ = left
    bench = load_bench(out)
    images = bench.images[bench.division.test]
    card, network = open_model(out / OURS)
    assert card.onnx is not None
    assert card.onnx.images == len(images) == card.test.images
    session = onnxruntime.InferenceSession(out / OURS / ONNX)
    found = session.run(None, {"images": images})[0]
    difference = np.abs(found - probabilities_of(network, torch.from_numpy(images)).numpy()).max()
    assert difference <= 1e-4
    assert found.argmax(1).tolist() != [found.argmax(1)[0]] * len(found)  # it has learnt to tell them apart


@pytest.mark.slow
@pytest.mark.parametrize("name", ["effnet-probe", "effnet-finetune"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_network_of_ours_can_be_written(name: str, channels: int, tmp_path: Path) -> None:
    network = build_classifier(name, 3, channels, (48, 64), 0).eval()
    assert isinstance(network, Lite0Classifier)
    network.standardise(network.features(torch.from_numpy(bytes_of(channels, 8, 2)) / 127.5 - 1))
    nn.init.normal_(network.classifier.weight, std=0.05, generator=torch.Generator().manual_seed(0))
    shifted = ShiftedLogits(network, np.array([0.5, -1.0, 0.0])).eval()
    check, reason = write_onnx(tmp_path, shifted, bytes_of(channels, 5))
    assert reason == ""
    assert check is not None
    assert check.difference <= 1e-4
    found = onnxruntime.InferenceSession(tmp_path / ONNX).run(None, {"images": bytes_of(channels, 3, 1)})[0]
    assert found.std(0).min() > 0.01  # it depends on the image


def test_the_shift_of_the_logits_is_in_the_file(tmp_path: Path) -> None:
    network = build_classifier("small-cnn", 2, 1, (48, 64), 0).eval()
    images = bytes_of(1, 4)
    odds = []
    for shift in (0.0, 2.0):
        write_onnx(tmp_path, ShiftedLogits(network, np.array([0.0, shift])).eval(), images)
        found = onnxruntime.InferenceSession(tmp_path / ONNX).run(None, {"images": images})[0]
        odds.append(np.log(found[:, 1] / found[:, 0]))
    np.testing.assert_allclose(odds[1] - odds[0], 2, atol=1e-4)


def test_a_shifted_network_is_opened_as_it_was_written(left: Left, tmp_path: Path) -> None:
    card, network = open_model(left[0] / OURS)
    shifted = ShiftedLogits(network, np.array([1.0, -2.0, 0.5])).eval()
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (5, 1, 32, 32), dtype=np.uint8))
    assert logit_shift(network, 3) == [0, 0, 0]
    weights = write_weights(tmp_path, shifted)
    parts = {"parts": network_parts(shifted), "logit_shift": logit_shift(shifted, 3), "weights_sha256": weights}
    write_record(tmp_path / CARD, card.model_copy(update=parts))
    again, opened = open_model(tmp_path)
    assert again.logit_shift == [1.0, -2.0, 0.5]
    assert torch.equal(probabilities_of(opened, images), probabilities_of(shifted, images))
    assert not torch.equal(probabilities_of(opened, images), probabilities_of(network, images))


@pytest.mark.parametrize("apart", [False, pytest.param(True, marks=pytest.mark.nightly)])
def test_networks_with_a_memory_bank_are_opened_and_written_as_they_were_trained(
    left: Left, tmp_path: Path, apart: bool
) -> None:
    card, _ = open_model(left[0] / OURS)
    good = torch.from_numpy(bytes_of(1, 4))
    focused = build_classifier("effnet-focus", 2, 1, (48, 64), 0)
    assert isinstance(focused, FocusClassifier)
    focused.remember(good, 0)
    nn.init.normal_(focused.classifier.weight, std=0.05, generator=torch.Generator().manual_seed(0))
    alone = OneClass()
    alone.remember(good, 0)
    joined = Joined(focused, alone)
    joined.balance(good)
    images = bytes_of(1, 5, 1)
    for network in (focused, alone, joined) if apart else (joined,):  # which has the banks of both
        network.eval()
        about = {"model": "effnet-focus", "classes": ["good", "defective"], "parts": network_parts(network)}
        size = card.input.model_copy(update={"channels": 1, "resolution": (48, 64)})
        about |= {"input": size, "weights_sha256": write_weights(tmp_path, network)}
        write_record(tmp_path / CARD, card.model_copy(update=about))
        _, opened = open_model(tmp_path)
        assert torch.equal(
            probabilities_of(opened, torch.from_numpy(images)), probabilities_of(network, torch.from_numpy(images))
        )
        check, reason = write_onnx(tmp_path, opened, images)
        assert reason == ""
        assert check is not None


def test_a_file_that_differs_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network, images = build_classifier("small-cnn", 2, 1, (48, 64), 0).eval(), bytes_of(1, 4)
    run = onnx_file._run
    monkeypatch.setattr(onnx_file, "_run", lambda content, images: run(content, images) + np.float32(2e-4))
    check, reason = write_onnx(tmp_path, network, images)
    assert check is None
    assert "differed from PyTorch's by up to 0.0002" in reason
    assert not (tmp_path / ONNX).exists()


def test_a_network_that_onnx_cannot_hold_is_kept_without_the_file_and_says_why(
    left: Left, capfd: pytest.CaptureFixture[str]
) -> None:
    card = read_card(left[0] / THEIRS)
    assert card.onnx is None
    assert card.onnx_missing.startswith("the network cannot be written as ONNX (")
    assert card.own
    assert "There is no ONNX file: the network cannot be written" in (left[0] / THEIRS / "card.md").read_text()
    assert (
        "built by `trial_material:small_network`, which must be importable"
        in (left[0] / THEIRS / "card.md").read_text()
    )

    class Waves(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return torch.fft.fft2(images).abs().mean((2, 3)).repeat(1, 2)

    capfd.readouterr()
    assert write_onnx(left[0], Waves(), bytes_of(1, 3))[0] is None
    assert capfd.readouterr().out == ""  # the exporter draws its graph when it fails: not on our output


def test_without_the_packages_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_file, "find_spec", lambda name: None if name == "onnx" else find_spec(name))
    network = build_classifier("small-cnn", 2, 1, (48, 64), 0)
    assert write_onnx(tmp_path, network, bytes_of(1, 3)) == (None, onnx_file.NO_ONNX)
    assert "pip install 'flawforge[export]'" in onnx_file.NO_ONNX


def test_a_damaged_or_foreign_folder_is_named(left: Left, tmp_path: Path) -> None:
    shutil.copytree(left[0] / OURS, tmp_path / "model")
    content = bytearray((tmp_path / "model" / WEIGHTS).read_bytes())
    content[-3] ^= 1
    (tmp_path / "model" / WEIGHTS).write_bytes(content)
    with pytest.raises(RunBrokenError, match="is not the one that the card names"):
        open_model(tmp_path / "model")
    (tmp_path / "model" / WEIGHTS).unlink()
    with pytest.raises(RunBrokenError, match="is missing"):
        open_model(tmp_path / "model")
    with pytest.raises(RunNotFoundError, match="is no model: it has no card.json"):
        find_model(tmp_path)
    with pytest.raises(RunNotFoundError, match="there is no folder"):
        find_model(tmp_path / "nowhere")
    (tmp_path / "model" / "generator.onnx").write_bytes(b"")
    with pytest.raises(RunNotFoundError, match="an exported generator, which makes images and inspects none"):
        open_model(tmp_path / "model")


def test_the_trial_s_folder_stands_for_its_best_model(left: Left, tmp_path: Path) -> None:
    out, record = left
    (best,) = [kept for kept in record.kept if kept.best]
    assert find_model(out) == out / best.folder
    assert find_model(out / OURS) == out / OURS


def test_a_factory_that_is_gone_or_builds_another_network_is_named(left: Left, monkeypatch: pytest.MonkeyPatch) -> None:
    import trial_material

    def wider(classes: int, channels: int, resolution: tuple[int, int]) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(channels * resolution[0] * resolution[1], classes))

    monkeypatch.setattr(trial_material, "small_network", wider)
    with pytest.raises(SettingError, match="does not fit the network that trial_material:small_network builds today"):
        open_model(left[0] / THEIRS)
    monkeypatch.delattr(trial_material, "small_network")
    with pytest.raises(SettingError, match="its network is built by your factory trial_material:small_network"):
        open_model(left[0] / THEIRS)


def test_buffers_take_the_size_of_the_stored_ones() -> None:
    class Bank(nn.Module):
        def __init__(self, rows: int) -> None:
            super().__init__()
            self.register_buffer("rows", torch.ones(rows, 2))

    network, stored = nn.Sequential(Bank(1)), nn.Sequential(Bank(5)).state_dict()
    _fit_buffers(network, stored)
    network.load_state_dict(stored)
    assert network[0].rows.shape == (5, 2)
