"""WebDataset: files of a sample side by side, names without dots, shards of a thousand."""

from __future__ import annotations

import tarfile
from itertools import groupby
from pathlib import Path

import pytest

from flawforge.data.dataset import Dataset
from flawforge.data.writing.convert import convert
from flawforge.data.writing.formats import web_dataset


def test_the_files_of_a_sample_lie_side_by_side(
    marked: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_dataset, "IN_A_SHARD", 3)
    convert(marked, tmp_path / "out", "webdataset")
    names = []
    for number, count in enumerate((3, 3, 2)):
        with tarfile.open(tmp_path / "out" / f"train-{number:06d}.tar") as tar:
            keys = [key for key, _ in groupby(tar.getnames(), lambda name: name.partition(".")[0])]
            assert len(keys) == len(set(keys)) == count
            assert all(member.mtime == 0 for member in tar.getmembers())
            names += tar.getnames()
    assert {"ring.cls", "ring.json", "ring.mask.png", "ring.png", "box.png", "plain.cls"} <= set(names)
    assert "box.mask.png" not in names
