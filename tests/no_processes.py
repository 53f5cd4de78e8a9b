"""Workers of a search as threads: they start at once, where a process imports torch first."""

from __future__ import annotations

import pickle
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class NoProcesses(ThreadPoolExecutor):
    """In the place of a `ProcessPoolExecutor`; what it is given still goes through pickle."""

    def __init__(self, size: int, mp_context: object, initializer: object) -> None:
        super().__init__(size)

    def submit(self, function: Any, /, *given: Any) -> Future[Any]:  # type: ignore[override]
        """Call a function with copies of what is given."""
        return super().submit(*pickle.loads(pickle.dumps((function, *given))))
