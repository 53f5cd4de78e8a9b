"""A run's generated images as their page shows them, and which of them a person rejected."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

from flawforge.core.errors import RunBrokenError
from flawforge.core.rejections import REJECTIONS, read_rejections
from flawforge.runs.folder import Run
from flawforge.runs.set_files import FACTS, SetFiles, read_facts
from flawforge.server.studio.small_files import read_object, stamp
from flawforge.server.studio.watcher import News

MOST = 100_000  # images that a page is told of
DAMAGED = (OSError, RunBrokenError, KeyError, TypeError, ValueError, AttributeError)  # what files of anyone may raise


class ShownSet:
    """The rejected images of a run's set, watched: another page or a command may choose too."""

    def __init__(self, folder: Path) -> None:
        self.folder = Run(folder).synthetic
        self._seen = ""

    def now(self) -> News:
        """Return the rejected images."""
        self._seen = stamp(self.folder / REJECTIONS)
        try:
            return {"rejected": sorted(read_rejections(self.folder))}
        except DAMAGED:
            return {"rejected": []}

    def news(self) -> News:
        """Return them where they are others."""
        return {} if stamp(self.folder / REJECTIONS) == self._seen else self.now()


def described_set(run: Run) -> dict[str, Any]:
    """Return the seed of a run's set (0 where there is none), and of each image that is there: the path below
    ``synthetic``, class, number, whether it was rejected, and where the outline of its defect is from (empty: it was
    drawn, or it has none).
    """
    seed = read_object(run.synthetic / FACTS).get("seed")
    return {"images": _images(run.synthetic), "seed": seed if isinstance(seed, int) else 0}


def _images(folder: Path) -> list[tuple[str, str, int, bool, str]]:
    try:
        files = SetFiles.look(folder, read_facts(folder))
        return [
            (entry.file, entry.label, entry.index, entry.file in files.rejected, str(entry.placed.get("outline", "")))
            for entry in islice(files.listed(), MOST)
        ]
    except DAMAGED:
        return []
