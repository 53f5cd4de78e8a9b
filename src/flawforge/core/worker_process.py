"""Worker processes, which end when the process that began them ends, and do not run the user's script again."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType
from typing import ParamSpec, TypeVar

ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
SAVING_SECONDS = 20.0  # that a training may take to save when its process is to end
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class WorkerProcess(ProcessPoolExecutor):
    """A process pool of one process, so that a process that dies breaks no other's work.

    The process does not run the user's main module again, so a script needs no ``if __name__ == "__main__"``. It has a
    session of its own: a Ctrl-C in the terminal reaches only the process that began it.

    Args:
        log: file that everything is appended to which the process prints, whoever prints it there.
    """

    def __init__(self, log: Path) -> None:
        context = multiprocessing.get_context("spawn")
        end, self._lifeline = context.Pipe(duplex=False)
        super().__init__(1, context, _begin, (end, str(log)))

    def submit(
        self, function: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Result]:
        """Call a function of an importable module in the process, which is started by the first call.

        Raises:
            BrokenProcessPool: the process has died since the last call.
        """
        with hidden_main_module():
            return super().submit(function, *args, **kwargs)

    def end(self) -> None:
        """End the process, whatever it is at, and wait until it is gone; a training in it saves first."""
        self._lifeline.close()
        self.shutdown()


def _begin(lifeline: Connection, log: str) -> None:
    """Prepare the new process, before anything imports torch."""
    os.environ.update(ONE_THREAD)
    if os.name == "posix":
        os.setsid()
    sys.stdout.flush()
    with Path(log).open("ab") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()


def _end_with(lifeline: Connection) -> None:
    """Wait until the other end of the pipe is closed, by `WorkerProcess.end` or because its process is gone."""
    lifeline.poll(None)
    _end_soon()


def _end_soon() -> None:
    """End this process: at once, but a training of it saves first what it has done."""
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SAVING_SECONDS)
    os._exit(1)


def end_with_parent() -> None:
    """Begin to watch the process that began this one; once it is gone, however it ended, end too."""
    threading.Thread(target=_end_after_parent, daemon=True).start()


def _end_after_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        _end_soon()


@contextlib.contextmanager
def hidden_main_module() -> Iterator[None]:
    """Let a spawned process find a main module without a file: it would import the user's script a second time."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
