from __future__ import annotations

import fcntl
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from flawforge.core.locks import hold, locked


@pytest.fixture(params=["posix", "windows"])
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to lock: the other one is played, with what `msvcrt` does and nothing else."""
    if request.param == "windows":
        real = fcntl.flock

        def locking(handle: int, mode: int, count: int) -> None:
            assert (mode, count) == (2, 1)
            try:
                real(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
