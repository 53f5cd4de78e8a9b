"""Time spent on a training, over all its sessions, and when the next checkpoint is due."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

SHARE = 20  # a checkpoint may take 1/20 of the time between two


class Clock:
    """Counts from when it is made.

    `start_from` adds the seconds of earlier sessions. Nothing that decides a weight reads it.
    """

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._earlier = 0.0
        self._saved = self._start
        self._saving_took = 0.0

    @property
    def seconds(self) -> float:
        """Seconds of training so far, earlier sessions included."""
        return self._earlier + time.perf_counter() - self._start

    def start_from(self, seconds: float) -> None:
        """Count on from what earlier sessions took."""
        self._earlier = seconds

    def checkpoint_due(self, every: float) -> bool:
        """Say whether `every` seconds, or 20 times what writing the last one took, have passed since the last."""
        return time.perf_counter() - self._saved >= max(every, SHARE * self._saving_took)

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Time the writing of a checkpoint."""
        start = time.perf_counter()
        yield
        self._saved = time.perf_counter()
        self._saving_took = self._saved - start
