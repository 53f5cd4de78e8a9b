"""Whether a run, trial or search is at work, done or stopped: from its locks and its last words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from flawforge.core.locks import is_held, writers
from flawforge.core.plural import plural
from flawforge.runs.folder import Run
from flawforge.runs.searches import search_file
from flawforge.runs.set_files import LOCK
from flawforge.runs.trial_progress import PROGRESS_FILE
from flawforge.runs.trials import TRIAL_FILE
from flawforge.server.studio.history_tail import last_line
from flawforge.server.studio.small_files import read_object
from flawforge.server.studio.workspace import ItemKind

Word = Literal["running", "done", "stopped"]
DOING = {  # the part of a folder that is written, and what is done then
    "training": "training",
    "synthetic set": "generating images",
    "audit": "testing for copies",
    "score": "scoring realism",
    "trial": "at work",
    "generator export": "exporting the generator",
}
ENDED = {
    "kimg": "trained to its length",
    "minutes": "trained for its time",
    "interrupted": "stopped by the user",
    "collapse": "ended by a collapse",
}


@dataclass(frozen=True)
class State:
    """How it stands with an item.

    Attributes:
        word: ``running``, ``done`` or ``stopped``.
        text: what is done, or why it ended, in words.
        since: when the running process began, UTC; empty where none runs.
    """

    word: Word
    text: str
    since: str = ""

    def dump(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


def state_of(kind: ItemKind, folder: Path) -> State:
    """Return the state of an item from what lies in its folder; nothing is locked."""
    at_work = [*writers(folder), *(writers(folder / "synthetic", LOCK) if kind == "run" else ())]
    if at_work:
        first = at_work[0]
        return State("running", DOING.get(first.part, f"writing the {first.part}"), first.since)
    if kind == "run":
        return _run_state(Run(folder))
    if kind == "trial":
        return _trial_state(folder)
    if any(is_held(file) for file in folder.glob(".*.worker")):
        return State("running", "trying settings")
    return State("done", "finished") if search_file(folder).is_file() else State("stopped", "not finished")


def _run_state(run: Run) -> State:
    last = last_line(run.history_file)
    if last is None:
        made = any(run.checkpoints.glob("*.json"))
        return State("done", "composed") if made else State("stopped", "nothing is trained yet")
    if last.get("event") != "stopped":
        return State("stopped", "ended without a word: it was killed, or the machine was")
    reason = str(last.get("kind", ""))
    return State("stopped" if reason == "interrupted" else "done", ENDED.get(reason, f"ended by {reason}"))


def _trial_state(folder: Path) -> State:
    complete = read_object(folder / TRIAL_FILE).get("complete")
    if complete:
        return State("done", "finished")
    far = read_object(folder / PROGRESS_FILE)
    whole = far.get("whole")
    if complete is False and isinstance(whole, int) and whole == far.get("repeats"):
        return State("done", f"ended by its time, after {plural(whole, 'repeat')}")
    return State("stopped", "stopped before the first whole repeat" if complete is None else "stopped on the way")
