"""A process beside the studio that is begun when a page needs it: the studio itself stays small and decodes nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, TypeVar

from flawforge.core.errors import FlawforgeError
from flawforge.core.files import explain_os_errors
from flawforge.core.worker_process import WorkerProcess
from flawforge.server.guards import Refused

IDLE_SECONDS = 300.0  # after which the process is ended
MOST_WAITING = 24  # calls
Result = TypeVar("Result")


class Worker:
    """One process, begun by the first call; it ends with the studio, or when nothing was asked for some minutes."""

    def __init__(self, log: Path, idle: float = IDLE_SECONDS) -> None:
        """Name the file that gets what the process prints."""
        self.log, self.idle = log, idle
        self._lock = threading.Lock()
        self._process: WorkerProcess | None = None
        self._timer: threading.Timer | None = None
        self._waiting = 0
        self._begun: dict[Hashable, Future[Any]] = {}

    def call(self, seconds: float, function: Callable[..., Result], *given: Any) -> Result:
        """Return what a function of an importable module gives there.

        Raises:
            Refused: 422, what it says is wrong; 429, too many wait; 503, it takes longer, or the process has died.
        """
        return self._result(self._submit(function, *given), seconds)

    def poll(self, key: Hashable, seconds: float, function: Callable[..., Result], *given: Any) -> Result | None:
        """Return likewise, or None as long as it is at work: it goes on, and is asked for again by the same key."""
        future = self._begun.get(key)
        if future is None:
            self._begun.clear()
            future = self._begun[key] = self._submit(function, *given)
        try:
            found: Result = self._result(future, seconds)
        except Refused as refused:
            if refused.status != 503 or future.done():
                self._begun.pop(key, None)
                raise
            return None
        return found

    def end(self) -> None:
        """End the process, if there is one."""
        with self._lock:
            process, self._process = self._process, None
            self._begun.clear()
        if process is not None:
            process.end()

    def _submit(self, function: Callable[..., Result], *given: Any) -> Future[Result]:
        with self._lock:
            if self._waiting >= MOST_WAITING:
                raise Refused(429, "Too much is asked for at a time. Wait a moment.", {b"retry-after": b"2"})
            if self._process is None:
                with explain_os_errors(self.log):
                    self.log.parent.mkdir(parents=True, exist_ok=True)
                self._process = WorkerProcess(self.log)
            try:
                future = self._process.submit(function, *given)
            except BrokenProcessPool:
                self._process = WorkerProcess(self.log)
                future = self._process.submit(function, *given)
            self._waiting += 1
            self._end_later()
        future.add_done_callback(self._done)
        return future

    def _end_later(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(self.idle, self._end_if_idle)
        self._timer.daemon = True
        self._timer.start()

    def _end_if_idle(self) -> None:
        if self._waiting:
            self._end_later()
        else:
            self.end()

    def _done(self, _: Future[Any]) -> None:
        self._waiting -= 1

    @staticmethod
    def _result(future: Future[Result], seconds: float) -> Result:
        try:
            return future.result(seconds)
        except FlawforgeError as error:
            raise Refused(422, str(error)) from error
        except TimeoutError as error:
            raise Refused(
                503, "This takes longer than usual. Ask again in a moment.", {b"retry-after": b"2"}
            ) from error
        except BrokenProcessPool as error:
            raise Refused(503, "The process that was to look has ended. Ask again.") from error
