"""One writer at a time: a lock for each part of a folder that a verb writes (its training, a set, a record, ...).

The system holds the lock, so that it ends with the process that has it, however that ends: killed, or with the whole
machine. Nothing has to be judged by age. Where a file system has no such locks (some network drives), a marker file
takes their place: one of this machine is taken over once its process is gone; of one that another machine left nothing
can be known, and the message names the file to delete. Readers take no lock. See docs/decisions/locks.md.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import warnings
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

from flawforge.core.errors import FolderBusyError
from flawforge.core.files import explain_os_errors, write_json
from flawforge.core.progress import SILENT, Progress

if TYPE_CHECKING:
    from filelock import BaseFileLock

NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP)  # what file systems without locks answer; ENOSYS: filelock
POLL_SECONDS = 0.2
FOREVER = -1.0
HOLDER = ".holder.json"  # ending of the file beside a lock that says who has it


@dataclass(frozen=True)
class FolderWriter:
    """A process that writes a part of a folder now.

    Attributes:
        part: ``training``, ``trial``, ...
        command: that it was started by. process: its number. host: its computer. since: UTC time, in words.
    """

    part: str
    command: str
    process: int
    host: str
    since: str


def writers(folder: Path, *parts: str) -> tuple[FolderWriter, ...]:
    """Return who writes parts of a folder now. Nothing is locked for longer than the question takes.

    A process of another computer counts as long as it has not given its lock back: whether it is there cannot be known.

    Args:
        folder: which may be missing.
        parts: to ask for these alone, without looking through the folder: one of many files.
    """
    names = [f".{part.replace(' ', '-')}{HOLDER}" for part in parts]
    with suppress(OSError):
        found = names or sorted(entry.name for entry in os.scandir(folder) if entry.name.endswith(HOLDER))
        writing = (_writer(folder, name) for name in found if name[0] == ".")
        return tuple(writer for writer in writing if writer is not None)
    return ()


def _writer(folder: Path, name: str) -> FolderWriter | None:
    part = name[1 : -len(HOLDER)]
    try:
        held = json.loads((folder / name).read_text(encoding="utf-8"))
        command, host, since = (str(held[key]) for key in ("command", "host", "since"))
        writer = FolderWriter(part.replace("-", " "), command, int(held["process"]), host, since)
        if writer.host != socket.gethostname():
            return writer
        with suppress(PermissionError):  # another user's process
            os.kill(writer.process, 0)
    except (OSError, ValueError, KeyError, TypeError, OverflowError):  # no such process, or it has just ended
        return None
    return writer if is_held(folder / f".{part}.lock") else None


def is_held(file: Path) -> bool:
    """Say whether a process has a file's lock; where that cannot be asked, its word counts."""
    if os.name != "posix":
        return True
    import fcntl

    try:
        with file.open("rb") as opened:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)  # given back by closing
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


class FolderLock:
    """The lock of one part of a folder; a context. Another process that has it is waited for, or named in an error.

    Attributes:
        folder: made where it is missing, and removed again where an error leaves nothing else in it.
        part: what is written: ``training``, ``synthetic set``, ``audit``, ...
        file: what is locked: ``.training.lock`` in the folder. It stays; deleting it while it is held lets a second in.
    """

    def __init__(
        self, folder: Path, part: str, command: str = "", wait: bool | None = None, progress: Progress = SILENT
    ) -> None:
        """Name what is locked, and the command that others are told. `wait`: None where there is no such option, so
        that none is advised.
        """
        self.folder, self.part, self.command, self.wait, self.progress = folder, part, command, wait, progress
        self.file = folder / f".{part.replace(' ', '-')}.lock"
        self.holder_file = self.file.with_suffix(HOLDER)
        self._made: list[Path] = []
        self._lock: BaseFileLock | None = None

    def check(self) -> None:
        """Refuse now what would be refused later, or wait: for work that takes long before it writes.

        Raises:
            FolderBusyError: as `__enter__`.
        """
        if self.file.exists():
            with self:
                pass

    def __enter__(self) -> Self:
        """Take the lock.

        Raises:
            FolderBusyError: another process has it, and `wait` is not True. RunUnwritableError: the folder cannot be
                written.
        """
        with explain_os_errors(self.folder):
            self._made = [path for path in (self.folder, *self.folder.parents) if not path.exists()]
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = take(self.file, 0.0)
            if lock is None and self.wait:
                self.progress.say(f"Waiting: {self._busy()}")
                lock = take(self.file, FOREVER)
            if lock is None:
                advice = "" if self.wait is None else " To wait until it is done, add --wait."
                raise FolderBusyError(self._busy() + advice)
            self._lock = lock
            try:
                write_json(self.holder_file, {"command": self.command, "process": os.getpid(), **_here()})
            except BaseException as error:  # a full disk
                self.__exit__(type(error))
                raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        """Give it back."""
        with suppress(OSError):
            self.holder_file.unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.release()
            self._lock = None
        if kind is not None and self._made and set(self.folder.iterdir()) <= {self.file}:
            with suppress(OSError):
                self.file.unlink(missing_ok=True)
                for path in self._made:
                    path.rmdir()

    def _busy(self) -> str:
        what = f"another process is writing the {self.part} in {self.folder}"
        try:
            held = json.loads(self.holder_file.read_text(encoding="utf-8"))
            who = f"{held['command']} (process {held['process']} on {held['host']}, since {held['since']})."
        except (OSError, ValueError, KeyError, TypeError):  # it has just begun, or just ended
            return f"{what}."
        elsewhere = "" if held["host"] == _here()["host"] else f" If it has ended there, delete {self.file}."
        return f"{what}: {who}{elsewhere}"


def take(file: Path, seconds: float = FOREVER) -> BaseFileLock | None:
    """Return the lock of a file, taken; None where another has it for so many seconds (`FOREVER`: no limit).

    Raises:
        OSError: the file cannot be written.
    """
    from filelock import FileLock, SoftFileLock, Timeout

    for kind, place in ((FileLock, file), (SoftFileLock, file.with_suffix(".marker"))):
        lock = kind(place)
        with suppress(Timeout), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # filelock's word that it takes a marker where locks are missing
            try:
                lock.acquire(timeout=seconds, poll_interval=POLL_SECONDS)
            except OSError as error:
                if kind is SoftFileLock or error.errno not in NO_LOCKS:
                    raise
                continue
            return lock
        return None
    return None


def _here() -> dict[str, str]:
    return {"host": socket.gethostname(), "since": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"}
