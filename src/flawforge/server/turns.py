"""Whose turn it is: one request is worked on, a few wait, and the next is told to come again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from flawforge.server.guards import Refused

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

AGAIN_SECONDS = 5  # after which one who was refused may ask again


class Turns:
    """Bounds what is held in memory: requests for images that wait, are worked on, or whose answer is being sent.

    Attributes:
        inside: how many there are.
    """

    def __init__(self, app: ASGIApp, paths: frozenset[str], waiting: int, seconds: float) -> None:
        """Bound the requests to some paths of an application to one and `waiting` more, and to `seconds` each."""
        self.app, self.paths, self.waiting, self.seconds = app, paths, waiting, seconds
        self.inside = 0
        self._turn = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or refuse it."""
        if scope["type"] != "http" or scope["path"] not in self.paths:
            await self.app(scope, receive, send)
            return
        if self.inside > self.waiting:
            message = (
                f"Too many requests: one is worked on and {self.waiting} wait. Ask again in {AGAIN_SECONDS} seconds."
            )
            raise Refused(429, message, {b"retry-after": str(AGAIN_SECONDS).encode()})
        self.inside += 1
        scope["deadline"] = time.monotonic() + self.seconds

        async def sent_whole(message: Message) -> None:
            """Come back when the answer was taken: the server waits for a reader only before it sends more."""
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                await send({**message, "more_body": True})
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        try:
            await self.app(scope, receive, sent_whole)
        finally:
            self.inside -= 1

    @asynccontextmanager
    async def turn(self, deadline: float) -> AsyncIterator[None]:
        """Wait until no other request is worked on.

        Raises:
            Refused: the deadline passed meanwhile.
        """
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                await self._turn.acquire()
        except TimeoutError:
            raise too_slow(self.seconds) from None
        try:
            yield
        finally:
            self._turn.release()


def too_slow(seconds: float) -> Refused:
    """Return what one is told whose time is over."""
    return Refused(503, f"This took longer than {seconds:g} seconds. Ask for fewer images, or again later.")
