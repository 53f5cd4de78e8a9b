"""Image files written by threads, while the next images are generated."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from flawforge.core.files import explain_os_errors, write_bytes
from flawforge.runs.versions import usable_cores
from flawforge.studies.sets import MANIFEST, ManifestEntry

MOST_THREADS = 8


class Writer:
    """Encodes and writes files in threads (compression runs outside Python's lock); the manifest keeps the order.

    No more than `ahead` images wait at a time; `put` blocks while they do. A line enters the manifest when its file is
    whole. An error in a thread is raised by the next `put` or by leaving the ``with`` block.
    """

    def __init__(self, folder: Path, ahead: int, done: Callable[[], None], threads: int | None = None) -> None:
        """Write below `folder`, appending to its manifest; `done` is called after each line."""
        self.folder, self.ahead, self._done = folder, ahead, done
        self._waiting: deque[Future[ManifestEntry]] = deque()
        self._pool = ThreadPoolExecutor(threads or min(MOST_THREADS, usable_cores()), "flawforge-writer")
        with explain_os_errors(folder / MANIFEST):
            self._manifest = (folder / MANIFEST).open("a", encoding="utf-8")

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for all files, or after an error drop those that no thread has begun."""
        try:
            while self._waiting and kind is None:
                self._take()
        finally:
            self._pool.shutdown(cancel_futures=True)
            with explain_os_errors(self.folder / MANIFEST):
                self._manifest.close()

    def put(self, entry: ManifestEntry, encode: Callable[[], bytes]) -> None:
        """Hand over one image: `encode` gives the file's bytes, `entry` its line, without their SHA-256."""
        while len(self._waiting) >= self.ahead:
            self._take()
        self._waiting.append(self._pool.submit(self._write, entry, encode))

    def _write(self, entry: ManifestEntry, encode: Callable[[], bytes]) -> ManifestEntry:
        data = encode()
        write_bytes(self.folder / entry.file, data, durable=False)
        return replace(entry, sha256=hashlib.sha256(data).hexdigest())

    def _take(self) -> None:
        entry = self._waiting.popleft().result()
        with explain_os_errors(self.folder / MANIFEST):
            self._manifest.write(entry.line())
            self._manifest.flush()
        self._done()
