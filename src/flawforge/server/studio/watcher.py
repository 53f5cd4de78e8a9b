"""One watcher for all pages: it looks at the few files that a page shows, every three seconds, while one is open."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Hashable
from typing import Any, Protocol

TICK = 3.0  # seconds between two looks: as long as a training of the usual recipe takes for a logged line
ALIVE_SECONDS = 15.0  # after which a silent stream says that it is there
WAITING = 100  # messages that a page may be behind before it is dropped; it comes again and is told everything
News = dict[str, Any]


class Subject(Protocol):
    """What a page shows, and what is new about it."""

    def now(self) -> News:
        """Return all that a page must know."""

    def news(self) -> News:
        """Return what has changed since the last call; nothing where nothing has."""


class Watcher:
    """Tells open pages what is new.

    Attributes:
        open_pages: how many streams there are. While there is none, nothing is looked at.
    """

    def __init__(self) -> None:
        self.open_pages = 0
        self._watched: dict[Hashable, tuple[Subject, set[asyncio.Queue[str | None]]]] = {}
        self._looking: asyncio.Task[None] | None = None

    async def stream(self, subjects: dict[Hashable, Callable[[], Subject]]) -> AsyncIterator[str]:
        """Give the server-sent events of a page: first all that there is, then what is new, until the server ends.

        Args:
            subjects: by a key that is the same for the same subject of several pages; how each is made.
        """
        queue: asyncio.Queue[str | None] = asyncio.Queue(WAITING)
        self.open_pages += 1
        try:
            for key, make in subjects.items():
                if key not in self._watched:
                    self._watched[key] = make(), set()
                subject, queues = self._watched[key]
                self._tell(subject, queues)  # so that all pages stand at the same place
                queues.add(queue)
                yield _event(subject.now())
            if self._looking is None:
                self._looking = asyncio.create_task(self._look())
            while True:
                try:
                    message = await asyncio.wait_for(queue.get(), ALIVE_SECONDS)
                except TimeoutError:
                    message = ":\n\n"
                if message is None:
                    return
                yield message
        finally:
            self._leave(subjects, queue)

    def end(self) -> None:
        """End all streams."""
        for _, queues in self._watched.values():
            for queue in queues:
                _put(queue, None)

    def _leave(self, keys: dict[Hashable, Any], queue: asyncio.Queue[str | None]) -> None:
        self.open_pages -= 1
        for key in keys:
            _, queues = self._watched.get(key, (None, set()))
            queues.discard(queue)
            if not queues:
                self._watched.pop(key, None)
        if not self._watched and self._looking is not None:
            self._looking.cancel()
            self._looking = None

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            for subject, queues in list(self._watched.values()):
                self._tell(subject, queues)

    def _tell(self, subject: Subject, queues: set[asyncio.Queue[str | None]]) -> None:
        message: str | None
        try:
            news = subject.news()
            message = _event(news) if news else ""
        except Exception:  # noqa: BLE001 - whatever it is: its pages come again and are told, and others go on
            message = None
        for queue in queues if message != "" else ():
            _put(queue, message)


def _put(queue: asyncio.Queue[str | None], message: str | None) -> None:
    """Hand a message to a page; one that does not read is told to go, and its browser comes again."""
    if queue.full():
        while not queue.empty():
            queue.get_nowait()
        message = None
    queue.put_nowait(message)


def _event(news: News) -> str:
    return f"data: {json.dumps(news, ensure_ascii=False, allow_nan=False)}\n\n"
