"""The guards of a server: who may ask, from which page, under which name, and how much they may send.

Host: a page of another site can reach a server on this machine by a name of its own whose address it changes (DNS
rebinding), and then read the answers. So names are refused but those that were given; an address has no name to change.
Origin: browsers say from which page a request comes; other pages' requests are refused, but for opening a page.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

SHORTEST_TOKEN = 16  # letters
HEADERS = {  # of every answer
    b"content-security-policy": b"default-src 'none'; img-src 'self'; script-src 'self'; style-src 'self'; "
    b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"cache-control": b"no-store",
}


class Refused(Exception):
    """A request that is not answered.

    Attributes:
        status: of HTTP. message: for the person or program that asked. headers: further ones.
    """

    def __init__(self, status: int, message: str, headers: Mapping[bytes, bytes] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, dict(headers or {})


class Guards:
    """An ASGI application behind the guards."""

    def __init__(self, app: ASGIApp, token: str | None = None, names: Iterable[str] = (), body: int = 0) -> None:
        """Guard an application.

        Args:
            app: what answers those who may ask.
            token: what every request must bring, as ``Authorization: Bearer TOKEN`` or as the password of a browser's
                own dialog; None: none.
            names: by which the server may be called beside ``localhost`` and addresses.
            body: bytes of JSON that a POST may bring; 0: no request brings anything.
        """
        self.app, self.token, self.body = app, token, body
        self.names = {"localhost", *(name.lower() for name in names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = list(message.get("headers", ()))
                usual = HEADERS.items() - {(name, HEADERS[name]) for name, _ in own if name in HEADERS}
                message = {**message, "headers": [*own, *sorted(usual)]}
            await send(message)

        try:
            self._check(scope)
            await self.app(scope, receive, guarded)
        except Refused as refused:  # before anything was answered
            await _answer(guarded, refused)

    def _check(self, scope: Scope) -> None:
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        host = self._check_host(headers.get("host", []))
        self._check_token(headers.get("authorization", []))
        _check_origin(headers, host, opens=scope["method"] in ("GET", "HEAD"))
        if scope["method"] == "POST" and self.body:
            _check_body(headers, self.body)
        elif headers.get("content-length", ["0"]) != ["0"] or "transfer-encoding" in headers:
            raise Refused(
                413, "This server takes no body: what it needs stands in the address.", {b"connection": b"close"}
            )

    def _check_host(self, hosts: list[str]) -> str:
        host = hosts[0].strip().lower() if len(hosts) == 1 else ""
        name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
        if name in self.names or _is_address(name):
            return host
        raise Refused(
            421, f"This server is not called that. It is called by its address, or by {', '.join(sorted(self.names))}."
        )

    def _check_token(self, given: list[str]) -> None:
        if self.token is None:
            return
        found = [secret for value in given if (secret := _secret(value)) is not None]
        if len(found) != 1 or not hmac.compare_digest(found[0].encode(), self.token.encode()):
            raise Refused(
                401,
                "This server wants its token: Authorization: Bearer TOKEN, or as the password, with any user.",
                {b"www-authenticate": b'Basic realm="flawforge", charset="UTF-8"'},
            )


def _check_body(headers: dict[str, list[str]], most: int) -> None:
    lengths = headers.get("content-length", [])
    known = len(lengths) == 1 and lengths[0].isascii() and lengths[0].isdigit() and "transfer-encoding" not in headers
    if not known or int(lengths[0][:20]) > most:
        raise Refused(
            413, f"A request may bring {most:,} bytes, and says how many it brings.", {b"connection": b"close"}
        )
    if headers.get("content-type") != ["application/json"]:  # which no page of another site may send
        raise Refused(415, "A request brings application/json, or nothing.", {b"connection": b"close"})


def _check_origin(headers: dict[str, list[str]], host: str, opens: bool) -> None:
    origins = headers.get("origin", [])
    own = {f"http://{host}", f"https://{host}"}
    opened = opens and headers.get("sec-fetch-mode") == ["navigate"] and headers.get("sec-fetch-dest") == ["document"]
    site = headers.get("sec-fetch-site", ["none"])
    if any(origin.lower() not in own for origin in origins) or (site[0] not in ("none", "same-origin") and not opened):
        raise Refused(403, "This server does not answer the pages of other sites.")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _secret(value: str) -> str | None:
    kind, _, rest = value.partition(" ")
    if kind.lower() == "bearer":
        return rest.strip()
    if kind.lower() != "basic":
        return None
    try:
        return base64.b64decode(rest.strip(), validate=True).decode("utf-8").partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return None


async def _answer(send: Any, refused: Refused) -> None:
    body = json.dumps({"detail": refused.message}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send(
        {"type": "http.response.start", "status": refused.status, "headers": [*headers, *refused.headers.items()]}
    )
    await send({"type": "http.response.body", "body": body})
