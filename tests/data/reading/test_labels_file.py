from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flawforge.core.errors import DataUnusableError, SettingError
from flawforge.data.inspection.warnings import dataset_warnings, grave_warnings
from flawforge.data.reading.load import load
from flawforge.data.reading_choices import ReadingChoices

from .listed import labels

Save = Callable[..., Path]


@pytest.fixture
def tiles(tmp_path: Path, save: Save) -> Path:
    """A folder with two classes, of which one file name comes twice."""
    for number, file in enumerate(("crack/1.png", "crack/2.png", "dent/1.png", "dent/3.png", "good/4.png")):
        save(tmp_path / "tiles" / file, number)
    return tmp_path / "tiles"


def table(folder: Path, *lines: str) -> Path:
    file = folder.parent / "mended.csv"
    file.write_text("\n".join(lines))
    return file


def test_a_mended_class_is_the_class_and_is_said(tiles: Path) -> None:
    file = table(tiles, "file,class,why", "crack/1.png,dent,looks like one", "3.png,Crack,", "dent\\1.png,unlabelled,")
    data = load(tiles, labels=file)
    assert labels(data) == {"crack/1.png": "dent", "crack/2.png": "crack", "dent/3.png": "crack", "good/4.png": "good"}
    assert [(one.file, one.label_source) for one in data.unlabelled] == [("dent/1.png", "mended.csv leaves it out")]
    assert data.samples[-2].label_source == "mended.csv"
    assert data.mended == (
        "mended.csv gives 3 images another class: crack to dent 1, dent to crack 1, dent to unlabelled 1.",
    )
    assert data.mended[0] in dataset_warnings(data)
    assert data.mended[0] in grave_warnings(data)  # so that run.json and the records keep it
    assert data.fingerprint != load(tiles).fingerprint
    assert load(data, ReadingChoices(labels=file)) is data
    assert load(data, labels=file) is data


def test_what_changes_nothing_and_what_is_new_is_said(tiles: Path) -> None:
    file = table(
        tiles, "file;class", "crack/2.png;crack", "gone.png;dent", "crack/1.png;dents", "crack/1.png;dents", ""
    )
    assert load(tiles, labels=file).mended == (
        "mended.csv gives 1 image another class: crack to dents 1.",
        "mended.csv gives 1 image the class that it has anyway.",
        "The class 'dents' is new, of 1 image in mended.csv. Did you mean 'dent'?",
        "1 row of mended.csv names no image here (such as line 3: gone.png).",
        "mended.csv says what it said before in 1 line (line 5).",
    )


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["name,label", "1.png,dent"], "needs a first line that names the columns: 'file,class'"),
        ([], "needs a first line"),
        (["file,class", "crack/1.png"], "line 2, has no class. To leave an image out, give it the class 'unlabelled'"),
        (["file,class", ",dent"], "line 2, has no file"),
        (["file,class", "crack/1.png,dent", "./crack/1.png,good"], "two classes: 'dent' in line 2, 'good' in line 3"),
        (["file,class", "1.png,dent"], "line 2: 1.png may be crack/1.png and dent/1.png. Give its path below"),
        (["file,class", "a.png,dent"], "none of the 1 files that mended.csv names is an image in"),
        (["file,class", "\0" * 9], "has no class"),
    ],
)
def test_a_wrong_table_is_refused_by_its_line(tiles: Path, lines: list[str], message: str) -> None:
    with pytest.raises(DataUnusableError, match=message):
        load(tiles, labels=table(tiles, *lines))


def test_no_file_and_no_text_are_refused(tiles: Path) -> None:
    with pytest.raises(SettingError, match="--labels: there is no file"):
        load(tiles, labels=tiles / "no.csv")
    table(tiles, "").write_bytes(b"\x81\x82\xff")
    with pytest.raises(DataUnusableError, match=r"mended.csv is no text in UTF-8"):
        load(tiles, labels=tiles.parent / "mended.csv")


def test_what_is_marked_becomes_of_the_new_class(tmp_path: Path, save: Save, save_xml: Callable[..., Path]) -> None:
    for number in range(3):
        save(tmp_path / "set" / f"p{number}.png", number)
        save_xml(
            tmp_path / "set" / f"p{number}.xml", ("crack", 2, 3, 9, 9), ("crack", 3, 3, 8, 8), ("dent", 1, 1, 5, 5)
        )
    file = table(tmp_path / "set", "file,class", "p0.png,pit", "p1.png,good")
    mended = {
        sample.file: [mark.label for mark in sample.marks] for sample in load(tmp_path / "set", labels=file).samples
    }
    assert mended == {"p0.png": ["pit", "pit", "dent"], "p1.png": [], "p2.png": ["crack", "crack", "dent"]}


def test_a_labels_file_among_the_images_is_not_read_as_their_labels(tiles: Path) -> None:
    (tiles / "mended.csv").write_text("file,class\ncrack/1.png,dent\n")
    data = load(tiles, labels=tiles / "mended.csv")
    assert (data.layout, data.counts) == ("classes", {"crack": 1, "dent": 3, "good": 1})


def test_another_folder_is_read_without_the_labels_file(tiles: Path) -> None:
    choices = load(tiles, labels=table(tiles, "file,class", "crack/1.png,dent")).choices
    assert choices.labels_sha256
    assert choices.elsewhere == ReadingChoices()
    assert ReadingChoices(labels="a b.csv").as_typed() == f" --labels '{Path('a b.csv').absolute()}'"
