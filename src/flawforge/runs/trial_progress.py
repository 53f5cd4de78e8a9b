"""How far a trial is, in ``progress.json`` of its folder while it works: for those who watch it, and for nothing else.

No result is read from it. What interim analyses have shown stands in it with the levels that they spend.
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from flawforge.core.errors import DiskFullError, RunUnwritableError
from flawforge.core.files import write_bytes
from flawforge.runs.estimates import Estimate
from flawforge.runs.records import RecordPart

PROGRESS_FILE = "progress.json"
EVERY_SECONDS = 5.0  # between two writings, where no cell has ended


class InterimGain(RecordPart):
    """The gain that an interim analysis has seen in one setting, of the advised arm over its control.

    `gain` has the wide interval of that analysis.
    """

    shots: int
    model: str
    arm: str
    control: str
    gain: Estimate


class InterimLook(RecordPart):
    """One interim analysis: after `repeats` of `planned`; `stopped`: it ended the trial."""

    repeats: int
    planned: int
    stopped: bool
    gains: list[InterimGain]


class TrialProgress(RecordPart):
    """How far a trial is.

    Attributes:
        cells: that are planned now. done: of them.
        repeats: that are planned now. whole: that are wholly done.
        seconds_left: that the rest is expected to take.
        told: the plan in words, a line each.
        looks: the interim analyses so far.
    """

    cells: int
    done: int
    repeats: int
    whole: int
    seconds_left: float
    told: list[str]
    looks: list[InterimLook]


class ProgressFile:
    """Writes ``progress.json`` of a trial; where it cannot be written, the trial goes on without."""

    def __init__(self, folder: Path, told: list[str]) -> None:
        self.file = folder / PROGRESS_FILE
        self.now = TrialProgress(cells=0, done=0, repeats=0, whole=0, seconds_left=0.0, told=told, looks=[])
        self._written = float("-inf")

    def reach(self, *, cells: int, done: int, repeats: int, whole: int, seconds_left: float) -> None:
        """Note how far the trial is; fields as of `TrialProgress`."""
        before = (self.now.cells, self.now.done, self.now.repeats, self.now.whole)
        place = {"cells": cells, "done": done, "repeats": repeats, "whole": whole, "seconds_left": seconds_left}
        self.now = self.now.model_copy(update=place)
        if before != (cells, done, repeats, whole) or time.monotonic() - self._written >= EVERY_SECONDS:
            self._write()

    def add(self, look: InterimLook) -> None:
        """Note an interim analysis."""
        self.now = self.now.model_copy(update={"looks": [*self.now.looks, look]})
        self._write()

    def _write(self) -> None:
        self._written = time.monotonic()
        with suppress(DiskFullError, RunUnwritableError):
            write_bytes(self.file, self.now.model_dump_json(indent=2).encode(), durable=False)
