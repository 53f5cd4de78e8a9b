"""A trial as its page shows it: how far it is, and its verdict once one may be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from flawforge.core.errors import RunBrokenError, RunNotFoundError
from flawforge.core.locks import writers
from flawforge.reports.trial.page import verdict_title
from flawforge.runs.estimates import gain_points
from flawforge.runs.trial_progress import PROGRESS_FILE, InterimGain, TrialProgress
from flawforge.runs.trial_words import training_images
from flawforge.runs.trials import TRIAL_FILE, Comparison, TrialRecord, read_trial
from flawforge.server.studio.small_files import read_object, stamp
from flawforge.server.studio.states import state_of
from flawforge.server.studio.watcher import News

REPORT = "report.html"


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
        files = (self.folder, self.folder / PROGRESS_FILE, self.folder / TRIAL_FILE, self.folder / REPORT)
        signature = (*map(stamp, files), writers(self.folder))
        if signature == self._signature:
            return {}
        self._signature, before = signature, self._rest
        record, progress = record_of(self.folder), progress_of(self.folder)
        self._rest = {
            "state": state_of("trial", self.folder).dump(),
            "progress": None if progress is None else shown_progress(progress),
            "verdict": None if record is None else shown_verdict(record),
            "report": (self.folder / REPORT).is_file(),
        }
        return {key: value for key, value in self._rest.items() if before.get(key) != value}


def progress_of(folder: Path) -> TrialProgress | None:
    """Return how far a trial is; None where it has not told, as older versions have not, or the file is damaged."""
    try:
        return TrialProgress.model_validate(read_object(folder / PROGRESS_FILE))
    except ValidationError:
        return None


def record_of(folder: Path) -> TrialRecord | None:
    """Return the trial's record; None where there is none or it is damaged."""
    try:
        return read_trial(folder)
    except (RunNotFoundError, RunBrokenError, OSError):
        return None


def shown_progress(progress: TrialProgress) -> dict[str, Any]:
    """Return how far a trial is, with the intervals of its interim analyses."""
    looks = [
        {"repeats": look.repeats, "planned": look.planned, "gains": [_interval(gain) for gain in look.gains]}
        for look in progress.looks
    ]
    return {**progress.model_dump(exclude={"looks"}), "looks": looks}


def shown_verdict(record: TrialRecord) -> dict[str, Any]:
    """Return the verdict in words, and the intervals that it rests on."""
    gains = [{**_interval(one), "repeats": len(one.seeds), "word": one.word} for one in record.primary]
    return {
        "title": verdict_title(record),
        "lines": record.verdict.sentence.splitlines(),
        "advice": record.verdict.advice,
        "complete": record.complete,
        "planned": len(record.protocol.seeds),
        "gains": gains,
    }


def _interval(part: InterimGain | Comparison) -> dict[str, Any]:
    """Return a gain in points, cut to what is possible, with where it was measured and what was compared."""
    gain = part.gain.within(-1.0, 1.0)
    return {
        "where": f"{training_images(part.shots)}, {part.model}: {part.arm} over {part.control}",
        "value": None if gain.value is None else 100 * gain.value,
        "low": None if gain.low is None else 100 * gain.low,
        "high": None if gain.high is None else 100 * gain.high,
        "text": gain_points(part.gain),
    }


def trial_summary(folder: Path) -> str:
    """Return a trial in half a line, for the list."""
    progress = progress_of(folder)
    if progress is not None and (writers(folder) or not (folder / TRIAL_FILE).is_file()):
        return f"{progress.whole} of {progress.repeats} repeats, {progress.done} of {progress.cells} cells"
    record = record_of(folder)
    return "a trial" if record is None else verdict_title(record)
