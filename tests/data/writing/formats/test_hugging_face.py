"""Hugging Face: a line of metadata for each image, all with the same columns."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from flawforge.data.dataset import Dataset
from flawforge.data.writing.convert import convert


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "train" / "metadata.jsonl").read_text().splitlines()]


def test_every_line_has_the_same_columns(marked: Dataset, tmp_path: Path) -> None:
    convert(marked, tmp_path / "out", "hf")
    found = lines(tmp_path / "out")
    assert len({tuple(sorted(line)) for line in found}) == 1
    for line in found:
        assert (tmp_path / "out" / "train" / str(line["file_name"])).is_file()
        mask = line["mask_file_name"]
        assert mask is None or (tmp_path / "out" / "train" / str(mask)).is_file()


def test_without_masks_there_is_no_column_of_them(marked: Dataset, tmp_path: Path) -> None:
    plain = replace(marked, samples=tuple(replace(sample, marks=()) for sample in marked.samples))
    convert(plain, tmp_path / "out", "hf")
    assert {"mask_file_name" in line for line in lines(tmp_path / "out")} == {False}
