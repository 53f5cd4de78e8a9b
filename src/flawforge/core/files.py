"""Files that are either whole or not there: written aside, flushed to the disk, renamed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from flawforge.core.errors import DiskFullError, FlawforgeError, RunBrokenError, RunUnwritableError

FORMAT = 1  # of run folders and records
ASIDE = ".part"  # ending of a file that is not whole yet
M = TypeVar("M", bound=BaseModel)


@contextlib.contextmanager
def explain_os_errors(path: Path) -> Iterator[None]:
    """Turn the disk's errors into ours, with the path and what to do; other errors pass unchanged."""
    try:
        yield
    except OSError as error:
        if isinstance(error, FlawforgeError):
            raise
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(
                f"no room left on the disk while writing {path}. What was written before is whole. Free some space, "
                f"then run the same command again."
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) or isinstance(error, NotADirectoryError):
            raise RunUnwritableError(
                f"cannot write {path}: {error.strerror}. Choose a folder that you may write to."
            ) from error
        raise RunUnwritableError(f"cannot write {path}: {error.strerror or error}. Choose another folder.") from error


def check_writable(folder: Path) -> None:
    """Refuse now a folder that could not be made or written later; nothing is left of the attempt.

    Raises:
        DiskFullError: no room left. RunUnwritableError: the folder cannot be made, or not be written.
    """
    with explain_os_errors(folder):
        made = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with tempfile.TemporaryFile(dir=folder):
                pass
        finally:
            for path in made:
                with contextlib.suppress(OSError):  # another process has begun to write there
                    path.rmdir()


def write_bytes(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write a file atomically: a reader sees the old content or the new, never a part.

    Args:
        path: the file; its folder must exist.
        data: the whole content.
        durable: flush to the disk before the rename (survives a power cut). False is faster, for files that can be
            made again; a killed process still leaves no part under the name.

    Raises:
        DiskFullError: no room left. RunUnwritableError: the folder may not be written.
    """
    with explain_os_errors(path):
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=ASIDE, dir=path.parent)
        aside = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            aside.chmod(0o644)
            aside.replace(path)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
        if durable:
            sync_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically; see `write_bytes`."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically, indented and ending in a newline. NaN and infinity are refused (ValueError)."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file of ours.

    Raises:
        RunBrokenError: the file holds no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RunBrokenError(f"{path} is damaged: it holds no JSON ({error}).") from error


def read_json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Give the objects of a file that holds one a line; what is torn, as by a kill, or no object is passed over."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for text in file:
            try:
                line = json.loads(text)
            except (ValueError, RecursionError):
                continue
            if isinstance(line, dict):
                yield line


def read_model(path: Path, cls: type[M], again: str = "") -> M:
    """Read a JSON file of ours of format 1.

    Args:
        path: the file; it must exist.
        cls: class of its content.
        again: how to make the file again, a sentence, for the errors.

    Raises:
        RunBrokenError: it is damaged, or of another format.
    """
    try:
        value = read_json(path)
    except RunBrokenError as error:
        raise RunBrokenError(f"{error} {again}".strip()) from None
    found = value.get("format") if isinstance(value, dict) else FORMAT
    if found != FORMAT:
        text = f"{path} has format {found!r}; this version of Flawforge reads format {FORMAT}. {again}"
        raise RunBrokenError(text.strip())
    try:
        return cls.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = f" at {'.'.join(map(str, first['loc']))}" if first["loc"] else ""
        raise RunBrokenError(f"{path} is damaged: {first['msg']}{where}. {again}".strip()) from None


def list_files(folder: Path, pattern: str) -> list[Path]:
    """Return the files of a folder whose names match, sorted; none where there is no such folder.

    Raises:
        PermissionError: it may not be read, which `Path.glob` takes for an empty one.
    """
    with contextlib.suppress(FileNotFoundError):
        return sorted(path for path in folder.iterdir() if path.match(pattern))
    return []


def explain_unreadable(error: OSError) -> str:
    """Return what is wrong with a file or folder that was only looked at, and what to do where that is known."""
    file = Path(os.fsdecode(error.filename))
    if not isinstance(error, PermissionError):
        return f"cannot look at {file}: {error.strerror}."
    as_now = os.access in os.supports_effective_ids
    open_ones = (os.access(path, os.X_OK, effective_ids=as_now) for path in reversed(file.parents))
    closed = next((path for path, opens in zip(reversed(file.parents), open_ones, strict=True) if not opens), file)
    return (
        f"{closed} may not be read: {error.strerror}. If it is yours, allow it with: chmod -R u+rwX "
        f"{shlex.quote(str(closed))}; else ask its owner for a copy, or for the right to read it."
    )


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries, so that a rename survives a power cut (a no-op where the system has no such call)."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_parts(folder: Path) -> None:
    """Remove what a killed process left aside in this folder."""
    for part in folder.glob(f".*{ASIDE}"):
        part.unlink(missing_ok=True)


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hexadecimal digits."""
    with path.open("rb", buffering=0) as file:  # the digest has a buffer of its own
        return hashlib.file_digest(file, "sha256").hexdigest()
