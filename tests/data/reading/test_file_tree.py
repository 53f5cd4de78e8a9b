from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flawforge.core.errors import DataNotFoundError, DataUnusableError
from flawforge.core.files import write_json
from flawforge.core.folder_kinds import MARKS, Kind
from flawforge.data.inspection.inspect import inspect
from flawforge.data.reading.load import load


def write(folder: Path, count: int = 3) -> None:
    folder.mkdir(parents=True)
    for i in range(count):
        Image.fromarray(np.full((8, 8), 40 * i, np.uint8)).save(folder / f"{i}.png")


@pytest.mark.parametrize(("name", "what"), [("run.json", "a Flawforge run"), ("set.json", "a Flawforge synthetic set")])
def test_what_was_made_from_images_is_no_data(tmp_path: Path, name: str, what: str) -> None:
    """A run folder in the data folder once became a class of its own."""
    write(tmp_path / "data" / "dent")
    write(tmp_path / "data" / "made" / "previews")
    (tmp_path / "data" / "made" / name).write_text("{}")
    found = load(tmp_path / "data")
    assert found.counts == {"dent": 3}
    assert [(one.file, one.reason) for one in found.broken] == [("made", f"is {what}, not part of the dataset")]
    shutil.move(tmp_path / "data" / "made", tmp_path / "made")
    assert len(load(tmp_path / "made")) == 3  # named itself, it is read


def test_a_hidden_folder_of_images_is_told_and_not_passed_over(tmp_path: Path) -> None:
    """A class named .5mm was once missing without a word."""
    for name in ("dent", ".5mm", ".git", ".ipynb_checkpoints", ".Trash-1000"):
        write(tmp_path / "data" / name)
    (tmp_path / "data" / ".empty").mkdir()
    found = load(tmp_path / "data")
    assert found.counts == {"dent": 3}
    assert [one.file for one in found.broken] == [".5mm"]
    assert found.broken[0].reason.endswith("its name begins with a dot. If it is a class, rename it")


@pytest.mark.parametrize("kind", ["run", "trial", "search"])
def test_a_folder_of_ours_that_is_named_itself_is_no_data(tmp_path: Path, kind: Kind) -> None:
    """Inspecting a run once told of few images: its previews."""
    write(tmp_path / "data" / "dent")
    write(tmp_path / "data" / "made" / "previews")
    for mark in MARKS[kind]:
        (tmp_path / "data" / "made" / mark).mkdir()
    with pytest.raises(
        DataUnusableError, match=f"made is a Flawforge {kind} folder, not a dataset. To see its results: flawforge"
    ):
        load(tmp_path / "data" / "made")
    found = load(tmp_path / "data")
    assert found.counts == {"dent": 3}
    assert found.broken[0].reason == f"is a Flawforge {kind}, not part of the dataset"


@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_word_is_not_the_current_folder(empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "photos")
    monkeypatch.chdir(tmp_path / "photos")
    with pytest.raises(DataNotFoundError, match="DATA is empty; it is a folder of images"):
        load(empty)


@pytest.fixture
def latin(tmp_path: Path) -> str:
    """A name as an old share or archive leaves it: ß in Latin-1."""
    name = os.fsdecode(b"Kratzer gro\xdf")
    try:
        (tmp_path / name).mkdir()
    except OSError:
        pytest.skip("this file system takes no name that is not UTF-8")
    return name


def test_names_that_are_not_utf_8_are_named_and_the_rest_goes_on(tmp_path: Path, latin: str) -> None:
    """They once ended in a traceback: of the fingerprint at once, or of the audit's pictures after hours."""
    write(tmp_path / "data" / "dent")
    write(tmp_path / "data" / latin)
    write(tmp_path / "more")
    (tmp_path / "more" / "0.png").rename(tmp_path / "data" / "dent" / f"{latin}.png")
    (tmp_path / "data" / "dent" / f"{latin}.xml").write_text("<annotation/>")
    (tmp_path / "data" / "dent" / f"{latin}.tif").symlink_to(tmp_path / "nowhere")
    found = inspect(tmp_path / "data")
    assert found.dataset.counts == {"dent": 3}
    why = "has a name that is not UTF-8: rename it"
    assert [(one.file, one.reason) for one in found.broken] == [
        ("Kratzer gro\\xdf", why),
        ("dent/Kratzer gro\\xdf.png", why),
        ("dent/Kratzer gro\\xdf.tif", "is a link that leads nowhere"),
    ]
    write_json(tmp_path / "facts.json", found.as_json())


def test_a_data_folder_whose_name_is_not_utf_8_is_refused(
    tmp_path: Path, latin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / latin / "dents")
    with pytest.raises(DataUnusableError) as caught:
        load(tmp_path / latin)
    assert str(caught.value) == (
        f"the name {tmp_path}/Kratzer gro\\xdf is not UTF-8, so neither a run nor a report can name its images. "
        f"Rename the folder."
    )
    monkeypatch.chdir(tmp_path / latin)
    with pytest.raises(DataUnusableError, match="Rename the folder"):
        load("dents")
