from __future__ import annotations

import errno
import fcntl
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import IO

import pytest

from flawforge.core import locks
from flawforge.core.locks import hold, locked


@pytest.fixture(params=["posix", "windows"])
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to lock: the other one is played, with what `msvcrt` does and nothing else."""
    if request.param == "windows":

        def locking(handle: int, mode: int, count: int) -> None:
            assert (mode, count) == (2, 1)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise PermissionError(13, "Permission denied") from None

        monkeypatch.setitem(sys.modules, "fcntl", None)
        monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(LK_NBLCK=2, locking=locking))
    return str(request.param)


def test_a_lock_has_one_holder_and_is_free_again(system: str, tmp_path: Path) -> None:
    one = hold(tmp_path / "lock")
    assert one is not None
    assert hold(tmp_path / "lock") is None
    one.close()
    again = hold(tmp_path / "lock")
    assert again is not None
    again.close()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[IO[bytes]]:
    """The files that were opened to be locked."""
    files: list[IO[bytes]] = []
    lock = locks._lock

    def noted(file: IO[bytes]) -> None:
        files.append(file)
        lock(file)

    monkeypatch.setattr(locks, "_lock", noted)
    return files


def test_who_does_not_get_it_leaves_no_file_open(system: str, opened: list[IO[bytes]], tmp_path: Path) -> None:
    with locked(tmp_path / "lock"):
        assert hold(tmp_path / "lock") is None
        holder, other = opened
        assert (holder.closed, other.closed) == (False, True)
    assert holder.closed


def test_a_drive_without_locks_is_told_and_not_waited_for(
    system: str, opened: list[IO[bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    def wait(_: float) -> None:
        raise AssertionError("waits for what will never be")

    monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setattr("time.sleep", wait)
    with pytest.raises(OSError, match="No locks available"), locked(tmp_path / "lock"):
        pass
    assert [file.closed for file in opened] == [True]


def test_who_waits_gets_it_when_it_is_free(system: str, tmp_path: Path) -> None:
    order: list[str] = []

    def late() -> None:
        with locked(tmp_path / "lock"):
            order.append("second")

    with locked(tmp_path / "lock"):
        thread = threading.Thread(target=late)
        thread.start()
        time.sleep(0.2)
        order.append("first")
    thread.join(20)
    assert order == ["first", "second"]


def test_a_lock_goes_with_the_process_that_held_it(tmp_path: Path) -> None:
    code = (
        f"from pathlib import Path; from flawforge.core.locks import hold; import time; "
        f"kept = hold(Path({str(tmp_path / 'lock')!r})); print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert hold(tmp_path / "lock") is None
        process.kill()
        process.wait()
    free = hold(tmp_path / "lock")
    assert free is not None
    free.close()
