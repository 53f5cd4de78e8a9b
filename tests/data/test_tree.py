from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flawforge.core.errors import DataNotFoundError
from flawforge.data.load import load


def write(folder: Path, count: int = 3) -> None:
    folder.mkdir(parents=True)
    for i in range(count):
        Image.fromarray(np.full((8, 8), 40 * i, np.uint8)).save(folder / f"{i}.png")


@pytest.mark.parametrize(
    ("name", "what"), [("run.json", "a run of Flawforge"), ("set.json", "a synthetic set of Flawforge")]
)
def test_what_was_made_from_images_is_no_data(tmp_path: Path, name: str, what: str) -> None:
    """A run folder in the data folder once became a class of its own."""
    write(tmp_path / "data" / "dent")
    write(tmp_path / "data" / "made" / "previews")
    (tmp_path / "data" / "made" / name).write_text("{}")
    found = load(tmp_path / "data")
    assert found.counts == {"dent": 3}
    assert [(one.file, one.reason) for one in found.broken] == [("made", f"is {what}, whose images are no data")]
    shutil.move(tmp_path / "data" / "made", tmp_path / "made")
    assert len(load(tmp_path / "made")) == 3  # named itself, it is read


@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_word_is_not_the_current_folder(empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "photos")
    monkeypatch.chdir(tmp_path / "photos")
    with pytest.raises(DataNotFoundError, match="DATA is empty; it is a folder of images"):
        load(empty)
