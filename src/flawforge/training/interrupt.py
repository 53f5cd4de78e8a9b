"""Ctrl-C between two steps instead of within one."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class Interrupt:
    """While entered, the first Ctrl-C (or SIGTERM) only sets `asked`; a second one stops at once, unless `patient`.

    torchrun passes a Ctrl-C on that its processes have had from the terminal already, so there the second one is no
    second wish; torchrun itself ends a process that takes longer than 30 seconds.

    Handlers can be set in the main thread only; elsewhere it does nothing and `asked` stays False.
    """

    def __init__(self, *, patient: bool = False) -> None:
        self.asked, self.patient = False, patient
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupt:
        """Take the signals over."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked and not self.patient:
            raise KeyboardInterrupt
        self.asked = True
