"""One writer at a time; a reader of none; what a killed writer left stops nobody."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flawforge.core.errors import DiskFullError, FolderBusyError, RunUnwritableError
from flawforge.core.locks import FolderLock, writers
from heard import Heard

HOLD = """
import sys
from pathlib import Path
from flawforge.core.locks import FolderLock, writers
with FolderLock(Path(sys.stdin.readline().strip()), "training", "flawforge train photos"):
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def another_process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock of the training until it gets a line."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", HOLD], **pipes) as process:  # type: ignore[call-overload]
        process.stdin.write(f"{folder}\n")
        process.stdin.flush()
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_second_is_refused_by_name_host_and_time_of_the_first_and_a_killed_one_stops_nobody(tmp_path: Path) -> None:
    with another_process(tmp_path) as first:
        with pytest.raises(FolderBusyError) as caught, FolderLock(tmp_path, "training", wait=False):
            pass
        said = str(caught.value)
        assert said.startswith(
            f"another process is writing the training in {tmp_path}: flawforge train photos (process {first.pid} on "
            f"{socket.gethostname()}, since 20"
        )
        assert said.endswith(" UTC). To wait until it is done, add --wait.")
        with pytest.raises(FolderBusyError):
            FolderLock(tmp_path, "training").check()
        with FolderLock(tmp_path, "audit"):  # another part
            pass
        first.kill()
        first.wait()
        assert (tmp_path / ".training.holder.json").exists()
        with FolderLock(tmp_path, "training"):
            pass


def test_one_can_wait(tmp_path: Path) -> None:
    heard, order = Heard(), list[str]()

    def second() -> None:
        with FolderLock(tmp_path, "training", "", True, heard):
            order.append("second")

    with FolderLock(tmp_path, "training"):
        thread = threading.Thread(target=second)
        thread.start()
        while not heard.said:
            pass
        order.append("first")
    thread.join(20)
    assert order == ["first", "second"]
    assert heard.said[0].startswith("Waiting: another process is writing the training in ")


def test_an_error_leaves_no_folder_that_only_the_lock_has_made(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "first"
    with pytest.raises(ValueError, match="no"), FolderLock(folder, "training"):
        raise ValueError("no")
    assert not list(tmp_path.iterdir())
    lock = FolderLock(folder, "training")
    lock.__enter__()
    (folder / "work").write_text("done")
    lock.__exit__(ValueError)
    assert (folder / "work").read_text() == "done"


@pytest.mark.parametrize("missing", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_where_a_file_system_has_no_locks_a_marker_takes_their_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: int
) -> None:
    import filelock

    def none(lock: Any, **how: Any) -> None:
        raise OSError(missing, os.strerror(missing))

    monkeypatch.setattr(filelock.FileLock, "acquire", none)
    with FolderLock(tmp_path, "training"):
        assert (tmp_path / ".training.marker").exists()
        with pytest.raises(FolderBusyError), FolderLock(tmp_path, "training"):
            pass
    with FolderLock(tmp_path, "training"):
        pass


def test_a_folder_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunUnwritableError, match="cannot write"), FolderLock(tmp_path / "file" / "run", "training"):
        pass


def test_a_full_disk_leaves_no_lock_taken_and_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("flawforge.core.locks.write_json", full)
    lock = FolderLock(tmp_path / "runs" / "run", "training")
    with pytest.raises(DiskFullError), lock:
        pass
    assert not list(tmp_path.iterdir())
    monkeypatch.undo()
    with FolderLock(tmp_path / "runs" / "run", "training"):
        pass


def test_who_writes_can_be_seen_without_a_lock_and_a_killed_one_writes_no_more(tmp_path: Path) -> None:
    assert writers(tmp_path) == writers(tmp_path / "none") == ()
    with another_process(tmp_path) as first:
        with FolderLock(tmp_path, "synthetic set", "flawforge generate"):
            assert [(one.part, one.process) for one in writers(tmp_path)] == [
                ("synthetic set", os.getpid()),
                ("training", first.pid),
            ]
            assert [one.part for one in writers(tmp_path, "synthetic set", "audit")] == ["synthetic set"]
        assert [one.command for one in writers(tmp_path)] == ["flawforge train photos"]
        first.kill()
        first.wait()
        holder = tmp_path / ".training.holder.json"
        assert holder.exists()
        assert writers(tmp_path) == ()
        holder.write_text(holder.read_text().replace(str(first.pid), str(os.getpid())))  # its number came again
        assert writers(tmp_path) == ()
        holder.write_text(holder.read_text().replace(socket.gethostname(), "elsewhere"))
        assert [one.host for one in writers(tmp_path)] == ["elsewhere"]
        for damaged in ("", "[]", '{"command": 1, "process": "x"}', '{"process": 1e99}'):
            holder.write_text(damaged)
            assert writers(tmp_path) == ()
