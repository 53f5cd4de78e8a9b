"""A trial as its page shows it: how far it is, and its verdict once one may be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flawforge.core.errors import RunBrokenError, RunNotFoundError
from flawforge.core.locks import writers
from flawforge.reports.trial.page import verdict_title
from flawforge.runs.cells import CELLS
from flawforge.runs.trials import TRIAL_FILE, TrialRecord, read_trial
from flawforge.server.studio.small_files import read_object, stamp
from flawforge.server.studio.states import state_of
from flawforge.server.studio.watcher import News

BENCH = "bench.json"


class ShownTrial:
    """A trial, watched."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._rest: News = {}
        self._signature: object = None

    def now(self) -> News:
        """Return all that the page must know."""
        self.news()
        return self._rest

    def news(self) -> News:
        """Return what has changed since the last call."""
        cells = self.folder / CELLS
        signature = (stamp(self.folder), stamp(cells), stamp(self.folder / TRIAL_FILE), writers(self.folder))
        if signature == self._signature:
            return {}
        self._signature, before = signature, self._rest
        record = record_of(self.folder)
        self._rest = {
            "state": state_of("trial", self.folder).dump(),
            "verdict": None if record is None else said(record),
        }
        return {key: value for key, value in self._rest.items() if before.get(key) != value}


def record_of(folder: Path) -> TrialRecord | None:
    """Return the trial's record; None where there is none or it is damaged."""
    try:
        return read_trial(folder)
    except (RunNotFoundError, RunBrokenError, OSError):
        return None


def said(record: TrialRecord) -> dict[str, Any]:
    """Return the verdict in words."""
    return {
        "title": verdict_title(record),
        "lines": record.verdict.sentence.splitlines(),
        "advice": record.verdict.advice,
        "complete": record.complete,
    }


def trial_summary(folder: Path) -> str:
    """Return a trial in half a line, for the list."""
    settings = read_object(folder / BENCH).get("settings")
    repeats = settings.get("seeds") if isinstance(settings, dict) else None
    record = record_of(folder)
    planned = f"{repeats} repeats planned" if isinstance(repeats, int) else "a trial"
    return planned if record is None else verdict_title(record)
