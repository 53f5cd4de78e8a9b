from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from flawforge.core.errors import DiskFullError, RunBrokenError, RunUnwritableError
from flawforge.core.files import ASIDE, read_json, remove_parts, sha256_file, write_bytes, write_json


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"ü": [1, 2.5, None]})
    assert read_json(tmp_path / "a.json") == {"ü": [1, 2.5, None]}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_nan_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Out of range"):
        write_json(tmp_path / "a.json", float("nan"))
    assert not list(tmp_path.iterdir())


def test_a_write_that_fails_leaves_the_old_content_and_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.bin"
    write_bytes(file, b"old")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFullError, match=r"no room left on the disk while writing .*a.bin"):
        write_bytes(file, b"new")
    assert file.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


def test_a_path_through_a_file_is_unwritable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunUnwritableError, match=r"cannot write .*Choose a folder"):
        write_bytes(tmp_path / "file" / "x", b"")


def test_parts_of_a_killed_process_are_cleared(tmp_path: Path) -> None:
    (tmp_path / f".a.bin.xyz{ASIDE}").write_bytes(b"torn")
    write_bytes(tmp_path / "b", b"")
    remove_parts(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["b"]


def test_damaged_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(RunBrokenError, match=r"a\.json is damaged: it holds no JSON"):
        read_json(tmp_path / "a.json")


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_file(tmp_path / "a").startswith("ba7816bf")


def test_any_other_fault_of_the_disk_is_explained_too(tmp_path: Path) -> None:
    with pytest.raises(RunUnwritableError, match="cannot write .*No such file or directory. Choose another folder"):
        write_bytes(tmp_path / "nowhere" / "x", b"")
