"""The history of a run: a JSON line for each logged step, and one for each event (a warning, a resume, an end)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from flawforge.core.files import explain_os_errors, read_json_lines, write_text

Line = dict[str, Any]
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


class History:
    """An append-only file of JSON lines that can be sliced.

    A logged step has ``step`` (after it), ``kimg``, ``seconds`` (of training so far), ``loss_d``, ``loss_g``,
    ``d_real``, ``d_fake`` (mean discriminator output, 0 to 1), ``scores_real``, ``scores_fake`` (the `QUANTILES` of the
    discriminator's outputs, one for each image of these steps; runs begun before 2026-12 have none) and
    ``images_per_second``. An event has ``event``
    (``warning``, ``resumed``, ``stopped``), ``kind``, ``text``, and the same ``step``, ``kimg`` and ``seconds``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, line: Line) -> None:
        """Add one line; it is whole on the disk or not there (a torn last line is passed over by `lines`)."""
        text = json.dumps(line, allow_nan=False, ensure_ascii=False) + "\n"
        with explain_os_errors(self.path):
            torn = self.path.exists() and self.path.stat().st_size > 0 and not self._ends_whole()
            with self.path.open("a", encoding="utf-8") as file:
                file.write("\n" + text if torn else text)

    def lines(self) -> list[Line]:
        """Return all whole lines."""
        if not self.path.exists():
            return []
        return list(read_json_lines(self.path))

    def steps(self) -> list[Line]:
        """Return the logged steps."""
        return [line for line in self.lines() if "event" not in line]

    def events(self) -> list[Line]:
        """Return the events."""
        return [line for line in self.lines() if "event" in line]

    def rewind(self, step: int) -> None:
        """Drop what was logged after `step`: a resumed run tells those steps again."""
        kept: Iterable[Line] = [line for line in self.lines() if line.get("step", 0) <= step]
        write_text(self.path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in kept))

    def _ends_whole(self) -> bool:
        with self.path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"


class NoHistory(History):
    """A history that keeps nothing: of a process whose training another process writes down."""

    def append(self, line: Line) -> None:
        """Keep nothing."""

    def rewind(self, step: int) -> None:
        """Leave the file as it is."""
