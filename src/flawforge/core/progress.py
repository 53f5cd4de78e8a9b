"""How long work tells where it stands. The rooms below speak; only the command line draws."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")


class Task:
    """One piece of long work. This one is silent; the command line has one that is drawn."""

    def advance(self, amount: float = 1.0, **facts: str) -> None:
        """Say that `amount` more of the total is done, with short facts to show beside the bar (name → text)."""

    def reach(self, place: float, **facts: str) -> None:
        """Say that the work is at `place` of the total, with short facts to show beside the bar."""

    def total(self, total: float | None) -> None:
        """Set the total anew once it is known better (None: unknown)."""


class Progress:
    """Where messages and progress go. This one is silent: the default of every public function."""

    @contextmanager
    def task(self, title: str, total: float | None = None, unit: str = "") -> Iterator[Task]:
        """Open one piece of work, e.g. ``with progress.task("reading", 300, "images") as task: task.advance()``."""
        yield Task()

    def each(self, title: str, items: Iterable[Item], unit: str, total: float | None = None) -> Iterator[Item]:
        """Give items one by one, as a piece of work of so many steps; None: as many as there are. Written into a `for`
        statement, where an error ends the work with the loop; a comprehension, or a name, would keep it open.
        """
        with self.task(title, len(items) if total is None and isinstance(items, Sized) else total, unit) as task:
            for item in items:
                yield item
                task.advance()

    def say(self, text: str) -> None:
        """Tell something worth knowing."""

    def warn(self, text: str) -> None:
        """Warn: the work goes on, but its result may not be what is wanted. Says what to try."""


class _Switched(Progress):
    """Silent until `show` gives what draws; the default of every public function."""

    shown: Progress | None = None

    @contextmanager
    def task(self, title: str, total: float | None = None, unit: str = "") -> Iterator[Task]:
        if self.shown is None:
            yield Task()
            return
        with self.shown.task(title, total, unit) as task:
            yield task

    def say(self, text: str) -> None:
        if self.shown is not None:
            self.shown.say(text)

    def warn(self, text: str) -> None:
        if self.shown is not None:
            self.shown.warn(text)


def show(progress: Progress | None) -> None:
    """Let all functions that are given no progress of their own tell this one how far they are; None: nobody."""
    _SWITCHED.shown = progress
    vars(_SWITCHED).pop("told_of_data", None)


_SWITCHED = _Switched()
SILENT: Progress = _SWITCHED
