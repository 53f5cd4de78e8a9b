"""The solar cells, where their package is installed and where it is not."""

from __future__ import annotations

import pytest

from flawforge.core.errors import DataUnusableError, ExtraMissingError
from flawforge.data.reading import elpv
from flawforge.data.reading.load import load


def test_elpv_where_it_is_installed():
    pytest.importorskip("elpv_dataset", reason="the extra 'elpv' is not installed")
    dataset = load("elpv")
    assert dataset.counts == {"defective": 715, "good": 1508, "likely-defective": 106, "likely-good": 295}
    assert {(sample.width, sample.height, sample.mode) for sample in dataset.samples} == {(300, 300, "L")}


def test_the_cells_of_one_crystal():
    pytest.importorskip("elpv_dataset", reason="the extra 'elpv' is not installed")
    poly, mono = load("elpv-poly"), load("elpv-mono")
    assert poly.counts == {"defective": 402, "good": 920, "likely-defective": 50, "likely-good": 178}
    assert mono.counts == {"defective": 313, "good": 588, "likely-defective": 56, "likely-good": 117}
    assert (poly.source, poly.layout) == ("elpv-poly", "elpv")


def test_elpv_where_it_is_not(monkeypatch):
    monkeypatch.setattr(elpv, "find_spec", lambda _: None)
    with pytest.raises(ExtraMissingError) as caught:
        load("elpv")
    assert str(caught.value) == (
        "The data set elpv needs the extra 'elpv', which is not installed. Install it with: "
        "pip install 'flawforge[elpv]'"
    )


def test_elpv_with_a_damaged_list(tmp_path):
    (tmp_path / "labels.csv").write_text("images/a.png   0.3333  mono\nimages/b.png 0.0\n")
    with pytest.raises(DataUnusableError, match=r"line 2 of .*labels.csv is not 'file probability kind'"):
        elpv.elpv_plan(tmp_path)
