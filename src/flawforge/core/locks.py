"""Locks between processes, held by an open file: the system lets go of one whose holder has ended, however it ended."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

POLL = 0.05  # seconds between two tries


def hold(path: Path) -> IO[bytes] | None:
    """Take the lock of a file, which is made where it is not there, and return it; None while another has it.

    The lock is let go of by closing what is returned, or by the end of the process. It counts between processes and
    within one. On a network drive it counts as far as the drive passes locks on.

    Raises:
        OSError: the file cannot be made, or its drive has no locks.
    """
    file = path.open("ab")
    try:
        _lock(file)
    except (BlockingIOError, PermissionError):  # held: on Linux and macOS, on Windows
        file.close()
        return None
    except OSError:
        file.close()
        raise
    return file


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Wait for the lock of a file, and hold it for a moment."""
    while (file := hold(path)) is None:
        time.sleep(POLL)
    with file:
        yield


def _lock(file: IO[bytes]) -> None:
    """Take the lock, or raise OSError at once."""
    try:
        import fcntl
    except ImportError:  # Windows: its locks are of bytes, the first one stands for all; there need not be any
        windows = importlib.import_module("msvcrt")
        file.seek(0)
        windows.locking(file.fileno(), windows.LK_NBLCK, 1)
        return
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
