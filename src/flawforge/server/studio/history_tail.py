"""The end of a run's history, read as it grows: each byte once, however many pages are open."""

from __future__ import annotations

import json
import math
import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flawforge.runs.history import Line

MOST_LINES = 1000  # logged steps that a page is given at once; of more, every second is left out, until they are few
CHUNK = 1 << 20  # bytes read at a time
EVENT = b'"event"'  # in the line of one
LONGEST_LINE = 1 << 16  # bytes: a longer one is none of ours


class HistoryTail:
    """Reads what was added to ``history.jsonl`` since the last look."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._position, self._inode = 0, 0

    def fresh(self) -> tuple[list[Line], bool]:
        """Return the whole lines that are new, and whether the file is another one: then all must be read again."""
        try:
            state = self.file.stat()
        except OSError:
            return [], False
        if state.st_ino != self._inode or state.st_size < self._position:  # a training went back
            first, self._inode = self._inode == 0, state.st_ino
            self._position = self._end()
            return [], not first
        if state.st_size == self._position:
            return [], False
        with self.file.open("rb") as opened:
            opened.seek(self._position)
            lines, read = _parsed(opened.read(CHUNK))
        self._position += read
        return lines, False

    def whole(self) -> tuple[list[Line], list[Line]]:
        """Return the logged steps up to where `fresh` has read, at most `MOST_LINES` of them evenly, and the latest
        events. Only what is returned is parsed: a long history has 100,000 lines.
        """
        steps: list[bytes] = []
        events: deque[bytes] = deque(maxlen=MOST_LINES)
        every, number, latest = 1, 0, b""
        for line in self._raw_lines():
            if EVENT in line:
                events.append(line)
                continue
            latest, number = line, number + 1
            if number % every == 0:
                steps.append(line)
            if len(steps) == 2 * MOST_LINES:
                steps, every = steps[1::2], 2 * every
        if len(steps) > MOST_LINES:
            steps = steps[1::2]
        if latest and (not steps or steps[-1] is not latest):
            steps.append(latest)
        return _parsed(b"".join(steps))[0], _parsed(b"".join(events))[0]

    def _end(self) -> int:
        """Return the length of all whole lines."""
        with self.file.open("rb") as opened:
            end = opened.seek(0, os.SEEK_END)
            start = max(0, end - LONGEST_LINE)
            opened.seek(start)
            return start + opened.read(LONGEST_LINE).rfind(b"\n") + 1

    def _raw_lines(self) -> Iterator[bytes]:
        left = self._position
        try:
            opened = self.file.open("rb")
        except OSError:
            return
        with opened:
            while left > 0 and (line := opened.readline(min(left, LONGEST_LINE))):
                left -= len(line)
                yield line


def last_line(file: Path) -> Line | None:
    """Return the last whole line of a history; None where there is none."""
    try:
        with file.open("rb") as opened:
            opened.seek(max(0, opened.seek(0, os.SEEK_END) - LONGEST_LINE))
            lines, _ = _parsed(opened.read(LONGEST_LINE))
    except OSError:
        return None
    return lines[-1] if lines else None


def _parsed(data: bytes) -> tuple[list[Line], int]:
    """Return the whole lines in some bytes that are JSON objects, and the length of all whole lines."""
    whole = data[: data.rfind(b"\n") + 1]
    if not whole and len(data) >= LONGEST_LINE:
        return [], len(data)  # no line of ours is so long
    found: list[Line] = []
    for text in whole.splitlines():
        try:
            line: Any = json.loads(text)
        except (ValueError, RecursionError):  # torn by a kill
            continue
        if isinstance(line, dict):
            found.append({key: value for key, value in line.items() if _is_plain(value)})
    return found, len(whole)


def _is_plain(value: object) -> bool:
    """Say whether a value is a word, a finite number or a list of these: the browser's JSON has no others."""
    if isinstance(value, list):
        return all(not isinstance(part, list) and _is_plain(part) for part in value)
    return isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value))
