"""The user's own network as extractor: its conventions, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from flawforge.core.errors import ExtraMissingError, SettingError
from flawforge.models import onnx as room
from flawforge.models.extractors import find_extractor

onnx = pytest.importorskip("onnx", reason="needs the extra 'export'")
pytest.importorskip("onnxruntime", reason="needs the extra 'export'")


def write(file: Path, shape: list[Any], *, kind: str = "GlobalAveragePool", flat: bool = True) -> Path:
    """Write a network of one layer: the mean over positions, or another operator."""
    helper, number = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [helper.make_node(kind, ["images"], ["mapped"])]
    if flat:
        nodes.append(helper.make_node("Flatten", ["mapped"], ["features"]))
    output = helper.make_tensor_value_info("features" if flat else "mapped", number, None)
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("images", number, shape)], [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    file.write_bytes(model.SerializeToString())
    return file


def images(n: int = 5, channels: int = 1) -> torch.Tensor:
    return torch.rand(n, channels, 12, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_it_gets_values_from_minus_one_to_one_and_its_output_is_the_features(tmp_path: Path) -> None:
    found = find_extractor(write(tmp_path / "mine.onnx", ["n", 1, "h", "w"]))
    assert found(images()) == pytest.approx(images().mean(dim=(2, 3)).numpy(), abs=1e-6)
    assert found.name == f"mine.onnx @{found.version[:8]}"
    assert len(found.version) == 64


def test_maps_are_averaged_over_positions(tmp_path: Path) -> None:
    found = find_extractor(write(tmp_path / "maps.onnx", ["n", 1, "h", "w"], kind="Abs", flat=False))
    assert found(images()) == pytest.approx(images().abs().mean(dim=(2, 3)).numpy(), abs=1e-6)


def test_a_fixed_batch_size_and_number_of_channels_are_met(tmp_path: Path) -> None:
    three = find_extractor(write(tmp_path / "three.onnx", [2, 3, 8, 8]))
    assert three(images()).shape == (5, 3)
    assert np.ptp(three(images()), axis=1) == pytest.approx(np.zeros(5), abs=1e-6)
    one = find_extractor(write(tmp_path / "one.onnx", ["n", 1, "h", "w"]))
    assert one(images(2, 3)) == pytest.approx(images(2, 3).mean(dim=(1, 2, 3)).numpy()[:, None], abs=1e-6)


def test_another_file_has_another_version(tmp_path: Path) -> None:
    one = find_extractor(write(tmp_path / "a.onnx", ["n", 1, "h", "w"]))
    other = find_extractor(write(tmp_path / "b.onnx", ["n", 1, 8, 8]))
    assert one.version != other.version


def test_what_is_no_feature_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(SettingError, match="holds no network that can be run"):
        find_extractor(tmp_path / "text.onnx")
    with pytest.raises(SettingError, match="there is no such file"):
        find_extractor(tmp_path / "gone.onnx")
    with pytest.raises(SettingError, match="takes 2 channels, allowed: 1 or 3"):
        find_extractor(write(tmp_path / "two.onnx", ["n", 2, 8, 8]))
    with pytest.raises(
        SettingError, match=r"A feature network takes one float input of \(N, channels, height, width\)"
    ):
        find_extractor(write(tmp_path / "flat.onnx", ["n", 64], kind="Abs"))


def test_without_the_extra_the_command_to_install_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "find_spec", lambda name: None)
    with pytest.raises(ExtraMissingError) as caught:
        find_extractor(tmp_path / "mine.onnx")
    assert str(caught.value) == (
        "an extractor from an ONNX file needs the extra 'export', which is not installed. Install it with: pip install "
        "'flawforge[export]'"
    )
