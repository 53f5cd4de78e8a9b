"""Parts of one job of which each may fail while the rest goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from flawforge.core.progress import Progress

R = TypeVar("R")


class Parts:
    """Parts that are tried; an error in one is kept for the end, and a stop by the user ends the job at once."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._failed: dict[str, Exception] = {}

    def tried(self, name: str, work: Callable[[], R]) -> R | None:
        """Return what `work` returns, or None when it fails."""
        try:
            return work()
        except KeyboardInterrupt:  # ours is an Exception, too
            raise
        except Exception as error:  # noqa: BLE001 - it is raised at the end, whatever it is
            self._failed[name] = error
            self._progress.warn(f"The {name} stopped with an error, which is told at the end; the rest goes on.")
            return None

    def failed(self, page: Path) -> Exception:
        """Return the first error, with notes that tell the others and the report that was drawn all the same."""
        (_, first), *others = self._failed.items()
        for name, error in others:
            first.add_note(f"And the {name}: {error}")
        first.add_note(f"The report is drawn without the {' and the '.join(self._failed)}: {page}")
        return first
