"""A run as its page shows it: the history as it grows, the previews, and what has been made of it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from flawforge.core.errors import RunBrokenError
from flawforge.core.locks import writers
from flawforge.core.plural import plural
from flawforge.core.rejections import REJECTIONS
from flawforge.reports.run.headline import headline
from flawforge.reports.run.origin import resolution_of, stored_as
from flawforge.reports.words import count, joined
from flawforge.runs.folder import COMPOSED, COMPOSED_SHEET, PLACED_SHEET, STRIPS_SHEET, Run
from flawforge.runs.run_settings import RunSettings
from flawforge.runs.set_files import FACTS, LOCK, MANIFEST, SetFiles, read_facts
from flawforge.server.studio.history_tail import HistoryTail, last_line
from flawforge.server.studio.small_files import read_object, stamp
from flawforge.server.studio.states import state_of
from flawforge.server.studio.watcher import News

PREVIEW = re.compile(r"kimg_\d+(?:\.\d+)?\.png")
UNLEARNT_PREVIEWS = (COMPOSED_SHEET, PLACED_SHEET)  # of designs without a network
MOST_PREVIEWS = 2000  # that a page is told of


class ShownRun:
    """A run, watched."""

    def __init__(self, folder: Path) -> None:
        self.run = Run(folder)
        self._tail = HistoryTail(self.run.history_file)
        self._rest: News = {}
        self._signature: object = None
        self._tail.fresh()

    def now(self) -> News:
        """Return the whole history, thinned, and all else."""
        steps, events = self._tail.whole()
        self._look()
        return {"reset": True, "steps": steps, "events": events, **self._rest}

    def news(self) -> News:
        """Return the new lines of the history, and what else has changed."""
        lines, other = self._tail.fresh()
        news: News = self.now() if other else {}
        if lines:
            news["steps"] = [line for line in lines if "event" not in line]
            news["events"] = [line for line in lines if "event" in line]
        before = self._rest
        self._look()
        return news | {key: value for key, value in self._rest.items() if before.get(key) != value}

    def _look(self) -> None:
        """Read what has changed beside the history, where the times of files say that something has."""
        run = self.run
        folders = (run.path, run.previews, run.records, run.synthetic, run.synthetic / FACTS, run.history_file)
        signature = (*map(stamp, folders), writers(run.path), writers(run.synthetic, LOCK))
        if signature != self._signature:
            self._signature = signature
            self._rest = {
                "state": state_of("run", run.path).dump(),
                "previews": previews(run),
                "parts": list(parts(run)),
            }


def previews(run: Run) -> list[str]:
    """Return the names of the preview grids, oldest first; the last one of a composed run too."""
    try:
        names = sorted(entry.name for entry in os.scandir(run.previews) if PREVIEW.fullmatch(entry.name))
    except OSError:
        return []
    return names[-MOST_PREVIEWS:] or [name for name in UNLEARNT_PREVIEWS if (run.previews / name).is_file()][:1]


def parts(run: Run) -> Iterator[dict[str, str]]:
    """Give what has been made of a run: what, what it says in a sentence, and the time of its file, which changes with
    it.
    """
    if (first := Run(run.path / COMPOSED).settings_file).is_file():
        text = "images composed of the training images, without learning"
        yield {"what": "composed", "text": text, "changed": stamp(first)}
    facts = read_object(run.synthetic / FACTS)
    if facts:
        n = facts.get("n")
        text = f"{plural(n, 'image')} generated" if isinstance(n, int) else "a set that is not finished"
        yield {"what": "images", "text": text, "changed": stamp(run.synthetic / MANIFEST)}
    for what in ("audit", "score"):
        file = run.records / f"{what}.json"
        record = read_object(file)
        sentence = record.get("sentence")
        if isinstance(sentence, str):
            note = "Of an earlier set or choice of images, not of these: repeat it. " * _outdated(run, record)
            yield {"what": what, "text": note + sentence, "changed": stamp(file)}
    if run.report_file.is_file():
        yield {"what": "report", "text": "the whole report", "changed": stamp(run.report_file)}


def _outdated(run: Run, record: dict[str, Any]) -> bool:
    """Say whether a record is of other images than the run's set holds now."""
    inputs = record.get("inputs")
    of = inputs.get("synthetic") if isinstance(inputs, dict) else None
    now = _fingerprint(run.synthetic, (stamp(run.synthetic / MANIFEST), stamp(run.synthetic / REJECTIONS)))
    return bool(of and now and of != now)


@lru_cache(64)
def _fingerprint(folder: Path, _: object) -> str:
    """Return the fingerprint of a set's images, worked out anew where its files have changed; empty where there is no
    whole set.
    """
    try:
        return SetFiles.look(folder, read_facts(folder)).fingerprint
    except (OSError, RunBrokenError, KeyError, TypeError, ValueError):  # none, or damaged
        return ""


def run_settings(run: Run) -> RunSettings | None:
    """Return the content of run.json; None where it is damaged."""
    try:
        return run.settings
    except (RunBrokenError, OSError):
        return None


def run_title(settings: RunSettings | None) -> str:
    """Return what was trained on what, in a few words."""
    return "a run whose run.json is damaged" if settings is None else headline(settings, None, None, None).title


def run_summary(folder: Path) -> str:
    """Return a run in half a line, for the list."""
    run = Run(folder)
    line = last_line(run.history_file) or {}
    kimg = line.get("kimg")
    length = f", {kimg:.1f} kimg" if isinstance(kimg, int | float) and kimg else ""
    return f"{run_title(run_settings(run))}{length}"


def page_facts(run: Run) -> dict[str, Any]:
    """Return what the page shows that does not change while it is open."""
    settings = run_settings(run) or RunSettings()
    data = settings.data
    size, masks = resolution_of(settings), read_object(run.estimated_masks).get("images")
    rows = [
        ("Recipe", str(settings.recipe.get("name") or "not recorded")),
        ("Images", f"{count(data.samples or 0)} of {joined(list(data.classes)) or 'unknown classes'}"),
        ("Data", data.source or "not recorded"),
        ("Stored as", joined(stored_as(settings)) or "not recorded"),
        *([("Size in training", f"{size[1]} × {size[0]} pixels" if size else "not recorded")] * settings.learns),
        *([("Masks", f"of {plural(len(masks), 'image')} estimated, not drawn")] if isinstance(masks, dict) else []),
        ("Seed", str(settings.seed)),
        ("Command", settings.command or "not recorded"),
        ("Started", settings.started or "not recorded"),
    ]
    return {
        "title": run_title(run_settings(run)),
        "rows": rows,
        "learns": settings.learns,
        "places": settings.places,
        "previews": previews(run),
        "real": (run.previews / "real.png").is_file(),
        "strips": STRIPS_SHEET if (run.previews / STRIPS_SHEET).is_file() else "",
    }
