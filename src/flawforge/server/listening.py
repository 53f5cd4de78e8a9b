"""The loop that listens: uvicorn, with bounds on everything that a connection may hold."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0  # that the head of a request may take
HEAD_BYTES = 16_384
READ_SECONDS = 60.0  # that a reader may take for an answer
IDLE_SECONDS = 5  # that a connection without a request stays


class ImpatientProtocol(H11Protocol):
    """HTTP that hangs up on those who begin a request and do not go on, or do not read the answer: uvicorn waits for
    them for ever.
    """

    _timer: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._timer = self.loop.call_later(HEAD_SECONDS, self._hang_up)

    def data_received(self, data: bytes) -> None:
        """Take a part of a request."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop()
        elif self._timer is None:
            self._timer = self.loop.call_later(HEAD_SECONDS, self._hang_up)

    def pause_writing(self) -> None:
        """Begin to wait for the reader."""
        super().pause_writing()
        self._reading = self.loop.call_later(READ_SECONDS, self._hang_up)

    def resume_writing(self) -> None:
        """Stop waiting: he has read."""
        super().resume_writing()
        self._stop()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop()
        super().connection_lost(exc)

    def _stop(self) -> None:
        for timer in (self._timer, self._reading):
            if timer is not None:
                timer.cancel()
        self._timer = self._reading = None

    def _hang_up(self) -> None:
        self._timer = None
        self.transport.abort()


class EndingServer(uvicorn.Server):
    """A server that tells of its end: it waits for open streams, which wait for news."""

    def __init__(self, config: uvicorn.Config, ending: Callable[[], None]) -> None:
        super().__init__(config)
        self.ending = ending

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then the server."""
        self.ending()
        await super().shutdown(sockets)


def listen(
    app: ASGIApp, taken: socket.socket, connections: int, last_seconds: int, ending: Callable[[], None] = lambda: None
) -> None:
    """Answer on a socket that listens until a signal stops it.

    Args:
        app: what answers.
        taken: the socket.
        connections: that may be open at a time; further ones are answered with 503.
        last_seconds: that requests get after the signal.
        ending: called after the signal, in the loop, to end streams that would not end of themselves.
    """
    settings = uvicorn.Config(
        app,
        http=ImpatientProtocol,
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=connections,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=last_seconds,
        h11_max_incomplete_event_size=HEAD_BYTES,
    )
    EndingServer(settings, ending).run(sockets=[taken])
