"""A folder that is written aside is either whole or not there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flawforge.core.errors import RunExistsError, RunUnwritableError
from flawforge.data.writing.exported_image import ExportedImage
from flawforge.data.writing.writing import FACTS, MANIFEST, Writing, check_place, written_aside


def image(name: str, **changes: object) -> ExportedImage:
    values = {"ending": ".png", "label": "dent", "good": False, "width": 4, "height": 3, "channels": 1}
    whole = {"name": name, **values, "origin": {"origin": "real"}, "data": lambda: b"pixels", **changes}
    return ExportedImage(**whole)  # type: ignore[arg-type]


def export_in(folder: Path) -> Path:
    """Leave an export of one file as `written_aside` does."""
    with written_aside(folder, overwrite=False) as aside:
        writing = Writing([image("a")], aside)
        writing.save_image("train/a.png", writing.pictures[0])
        writing.finish({})
    return folder


def interrupted(folder: Path) -> None:
    """Write half an export, and be stopped."""
    with written_aside(folder, overwrite=True) as aside:
        (aside / "half").write_text("x")
        raise KeyboardInterrupt


def overtaken(folder: Path) -> None:
    """Write an export while another one is put in the same place."""
    with written_aside(folder, overwrite=False) as aside:
        (aside / "other").write_text("x")
        export_in(folder)


def test_an_error_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupted(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_an_error_while_replacing_keeps_what_was_there(tmp_path: Path) -> None:
    out = export_in(tmp_path / "out")
    with pytest.raises(KeyboardInterrupt):
        interrupted(out)
    assert sorted(path.name for path in out.iterdir()) == [FACTS, MANIFEST, "train"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_two_that_write_at_once_are_not_mixed(tmp_path: Path) -> None:
    with pytest.raises(RunExistsError, match="already holds a dataset export"):
        overtaken(tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [FACTS, MANIFEST, "train"]


def test_an_empty_folder_and_folders_above_that_are_not_there_will_do(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    export_in(tmp_path / "empty")
    assert (export_in(tmp_path / "a" / "b") / "train" / "a.png").read_bytes() == b"pixels"
    assert (tmp_path / "empty").stat().st_mode & 0o777 == 0o755


def test_a_folder_of_hidden_files_alone_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".notes").write_text("mine")
    with pytest.raises(RunExistsError, match=r"belong to no dataset export \(\.notes\)"):
        export_in(tmp_path / "out")
    assert (tmp_path / "out" / ".notes").read_text() == "mine"


def test_a_file_in_the_way_and_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunExistsError, match="file is a file; --out takes a folder"):
        check_place(tmp_path / "file", overwrite=True)
    with pytest.raises(RunUnwritableError, match="cannot write"), written_aside(tmp_path / "file" / "out", False):
        pass


@pytest.mark.parametrize("damage", ["{", "[]", '{"files": []}', '{"files": null}', '{"files": 3}', '{"files": [[1]]}'])
def test_a_damaged_manifest_lets_nothing_be_deleted(damage: str, tmp_path: Path) -> None:
    out = export_in(tmp_path / "out")
    (out / MANIFEST).write_text(damage + "\n")
    with pytest.raises(RunExistsError, match=r"1 files that are not of it \(such as train/a.png\)"):
        check_place(out, overwrite=True)


def test_the_manifest_names_the_files_of_each_image(tmp_path: Path) -> None:
    writing = Writing([image("a"), image("b", good=True, label="ok", marked=frozenset({"dent", "pit"}))], tmp_path)
    assert writing.classes == ("dent", "pit")
    for picture in writing.each("train"):
        writing.save_image(f"i/{picture.file}", picture)
        writing.save(f"l/{picture.name}.txt", "x", picture)
    assert list(writing.each("val")) == []
    writing.save("all.txt", b"y")
    writing.finish({"format": "drawn"})
    first = json.loads((tmp_path / MANIFEST).read_text().splitlines()[0])
    expected = {"file": "i/a.png", "class": "dent", "part": "train", "origin": "real", "files": ["i/a.png", "l/a.txt"]}
    assert first == expected
    assert json.loads((tmp_path / FACTS).read_text())["files"] == ["all.txt"]
