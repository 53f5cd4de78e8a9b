"""The list of what lies in a studio's folder."""

from __future__ import annotations

from pathlib import Path

from flawforge.core.locks import writers
from flawforge.runs.searches import search_file
from flawforge.server.studio import shown_run, shown_trial
from flawforge.server.studio.small_files import read_object, stamp
from flawforge.server.studio.states import state_of
from flawforge.server.studio.watcher import News
from flawforge.server.studio.workspace import Contents, Item, Workspace

EVERY = 3  # looks of the watcher of which one looks at the list
MOST_ITEMS = 1000  # that are listed
SUMMARIES = {"run": shown_run.run_summary, "trial": shown_trial.trial_summary}


class Overview:
    """The list, watched: it looks for new items only where a folder has changed."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.contents: Contents = workspace.look()
        self._rows: dict[Item, tuple[object, News]] = {}
        self._told: list[News] | None = None
        self._count = 0

    def now(self) -> News:
        """Return the list."""
        self._told = self.rows()
        return {"items": self._told, "cut": self.contents.cut}

    def news(self) -> News:
        """Return the list where it has changed."""
        self._count += 1
        if self._count % EVERY:
            return {}
        if any(str(time) != stamp(folder).partition("-")[0] for folder, time in self.contents.seen.items()):
            self.contents = self.workspace.look()
        before, self._told = self._told, self.rows()
        return {} if self._told == before else {"items": self._told, "cut": self.contents.cut}

    def rows(self) -> list[News]:
        """Return a row for each item; one whose files have not changed is not read again."""
        rows = {}
        for item in self.contents.items[:MOST_ITEMS]:
            folder = self.workspace.folder / item.name
            signature = _signature(folder)
            known = self._rows.get(item)
            rows[item] = known if known is not None and known[0] == signature else (signature, _row(item, folder))
        self._rows = rows
        return [row for _, row in rows.values()]


def _signature(folder: Path) -> object:
    files = (folder, folder / "history.jsonl", folder / "records", folder / "cells", folder / "synthetic")
    return (*map(stamp, files), writers(folder))


def _row(item: Item, folder: Path) -> News:
    state = state_of(item.kind, folder)
    return {
        "name": item.name,
        "kind": item.kind,
        "state": state.word,
        "text": state.text,
        "summary": SUMMARIES[item.kind](folder) if item.kind in SUMMARIES else _search_summary(folder),
    }


def _search_summary(folder: Path) -> str:
    sentence = read_object(search_file(folder)).get("sentence")
    return sentence if isinstance(sentence, str) else "a search over settings"
