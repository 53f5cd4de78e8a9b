"""What the tests let a worker process do; a module that it can import."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path


def threads() -> tuple[str, bool]:
    """The variable that torch reads when it is imported, and whether it was set in time."""
    return os.environ["OMP_NUM_THREADS"], "torch" not in sys.modules


def chatter() -> str:
    """Print in three ways, and read what there is to read."""
    print("from Python", flush=True)
    os.write(1, b"from a C library\n")
    subprocess.run([sys.executable, "-S", "-c", "import sys; print('from a program', sys.stdin.read())"], check=True)
    return "answer"


def die() -> None:
    """As if the kernel had killed it."""
    os.kill(os.getpid(), 9)


def raised(error: BaseException) -> None:
    """Raise it."""
    raise error


def keep_writing(file: Path) -> None:
    """Append to a file for ever."""
    while True:
        with file.open("ab") as out:
            out.write(b".")
        time.sleep(0.02)
