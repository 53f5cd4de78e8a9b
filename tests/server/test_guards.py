"""The guards of a server: each lets the right request through, and stops the wrong one. All inputs are harmless."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest

from flawforge.server.guards import HEADERS, Guards
from flawforge.server.turns import Turns

TOKEN = "a long enough token"


async def _ok(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"fine"})


def ask(
    app: Any, headers: list[tuple[str, str]], path: str = "/", method: str = "GET"
) -> tuple[int, dict[str, str], bytes]:
    """Send one request through an application and return status, headers and body."""
    messages: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)

    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    scope = {"type": "http", "method": method, "path": path, "headers": raw}
    asyncio.run(app(scope, None, send))
    body = b"".join(message.get("body", b"") for message in messages[1:])
    return messages[0]["status"], {k.decode(): v.decode() for k, v in messages[0]["headers"]}, body


def status(*headers: tuple[str, str], token: str | None = None, names: tuple[str, ...] = ()) -> int:
    return ask(Guards(_ok, token, names), list(headers))[0]


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8000", "localhost", "LOCALHOST:80", "[::1]:8000", "192.168.1.7", "lab:8000"]
)
def test_it_answers_to_addresses_and_to_its_names(host: str) -> None:
    assert status(("Host", host), names=("Lab",)) == 200


@pytest.mark.parametrize(
    "hosts",
    [["example.org"], ["localhost.example.org"], ["127.0.0.1.example.org:8000"], [], ["localhost", "localhost"], [""]],
)
def test_it_answers_to_no_other_name(hosts: list[str]) -> None:
    assert status(*(("Host", host) for host in hosts)) == 421


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([("Origin", "http://localhost:8000")], 200),
        ([("Origin", "http://localhost:9000")], 403),
        ([("Origin", "https://example.org")], 403),
        ([("Origin", "null")], 403),
        ([("Sec-Fetch-Site", "same-origin")], 200),
        ([("Sec-Fetch-Site", "none")], 200),
        ([("Sec-Fetch-Site", "cross-site")], 403),
        ([("Sec-Fetch-Site", "same-site"), ("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "image")], 403),
        ([("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")], 200),
        ([("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "iframe")], 403),
    ],
)
def test_pages_of_other_sites_are_not_answered(headers: list[tuple[str, str]], expected: int) -> None:
    assert status(("Host", "localhost:8000"), *headers) == expected


def test_a_token_is_wanted_everywhere() -> None:
    right = base64.b64encode(f"anyone:{TOKEN}".encode()).decode()
    wrong = base64.b64encode(b"anyone:another token that is long").decode()
    host = ("Host", "localhost")
    for path in ("/", "/image", "/health", "/openapi.json", "/page.js", "/nowhere"):
        found, headers, body = ask(Guards(_ok, TOKEN), [host], path)
        assert (found, headers["www-authenticate"][:5]) == (401, "Basic")
        assert TOKEN.encode() not in body
    for value in (f"Bearer {TOKEN}", f"Basic {right}"):
        assert status(host, ("Authorization", value), token=TOKEN) == 200
    for value in (f"Bearer {TOKEN}x", "Bearer", f"Basic {wrong}", "Basic ???", "Basic /////w==", f"Digest {TOKEN}"):
        assert status(host, ("Authorization", value), token=TOKEN) == 401
    twice = [("Authorization", f"Bearer {TOKEN}")] * 2
    assert status(host, *twice, token=TOKEN) == 401


@pytest.mark.parametrize("header", [("Content-Length", "1"), ("Transfer-Encoding", "chunked"), ("Content-Length", "x")])
def test_a_body_is_refused_unread(header: tuple[str, str]) -> None:
    found, headers, _ = ask(Guards(_ok), [("Host", "localhost"), header])
    assert (found, headers["connection"]) == (413, "close")
    assert status(("Host", "localhost"), ("Content-Length", "0")) == 200


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([("Content-Length", "10"), ("Content-Type", "application/json")], 200),
        ([("Content-Length", "11"), ("Content-Type", "application/json")], 413),
        ([("Content-Type", "application/json")], 413),
        ([("Content-Length", "1"), ("Transfer-Encoding", "chunked"), ("Content-Type", "application/json")], 413),
        ([("Content-Length", "1"), ("Content-Length", "1"), ("Content-Type", "application/json")], 413),
        ([("Content-Length", "-1"), ("Content-Type", "application/json")], 413),
        ([("Content-Length", "1"), ("Content-Type", "text/plain")], 415),
        ([("Content-Length", "1"), ("Content-Type", "application/x-www-form-urlencoded")], 415),
        ([("Content-Length", "1")], 415),
    ],
)
def test_where_a_post_may_bring_something_it_is_little_and_of_a_kind_that_no_other_site_may_send(
    headers: list[tuple[str, str]], expected: int
) -> None:
    guarded = Guards(_ok, body=10)
    assert ask(guarded, [("Host", "localhost"), *headers], method="POST")[0] == expected
    assert ask(guarded, [("Host", "localhost"), ("Content-Length", "1")])[0] == 413  # of another method, nothing


def test_a_page_of_another_site_opens_pages_and_sends_nothing() -> None:
    navigates = [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")]
    sends = [("Content-Length", "1"), ("Content-Type", "application/json")]
    guarded = Guards(_ok, body=10)
    assert ask(guarded, [("Host", "localhost"), *navigates])[0] == 200
    assert ask(guarded, [("Host", "localhost"), *navigates, *sends], method="POST")[0] == 403


def test_an_answer_may_bring_a_policy_of_its_own_in_place_of_the_usual_one() -> None:
    async def own(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-security-policy", b"own")]})
        await send({"type": "http.response.body", "body": b""})

    messages: list[Any] = []

    async def send(message: Any) -> None:
        messages.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"localhost")]}
    asyncio.run(Guards(own)(scope, None, send))  # type: ignore[arg-type]
    headers = messages[0]["headers"]
    assert [value for name, value in headers if name == b"content-security-policy"] == [b"own"]
    assert {name for name, _ in headers} == set(HEADERS)


def test_every_answer_tells_the_browser_to_load_nothing_from_elsewhere() -> None:
    for host in ("localhost", "example.org"):
        _, headers, _ = ask(Guards(_ok), [("Host", host)])
        assert {name.decode() for name in HEADERS} <= set(headers)
        assert headers["content-security-policy"].startswith("default-src 'none';")


def test_a_socket_of_another_kind_is_closed() -> None:
    messages: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)

    asyncio.run(Guards(_ok)({"type": "websocket", "headers": []}, None, send))  # type: ignore[arg-type]
    assert messages == [{"type": "websocket.close", "code": 1008}]


def test_who_comes_when_all_places_are_taken_is_told_to_come_again() -> None:
    """And a place is free again only when its answer was taken, not when it was handed over."""

    async def body() -> None:
        taken = asyncio.Event()
        turns = Turns(_ok, frozenset({"/image"}), 1, 60)
        statuses: list[int] = []

        async def slow(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.body" and not message.get("more_body"):
                await taken.wait()

        async def one(path: str) -> None:
            await turns({"type": "http", "path": path, "headers": []}, None, slow)  # type: ignore[arg-type]

        async def send(message: dict[str, Any]) -> None:
            statuses.append(message.get("status", 0))

        inside = [asyncio.ensure_future(one("/image")) for _ in range(2)]
        await asyncio.sleep(0)
        assert turns.inside == 2
        scope = {"type": "http", "method": "GET", "path": "/image", "headers": [(b"host", b"localhost")]}
        await Guards(turns)(scope, None, send)  # type: ignore[arg-type]
        assert statuses[0] == 429
        await Guards(turns)({**scope, "path": "/health"}, None, send)  # type: ignore[arg-type]
        assert 200 in statuses
        taken.set()
        await asyncio.gather(*inside)
        assert turns.inside == 0

    asyncio.run(body())


def test_a_refusal_says_what_to_do() -> None:
    _, _, body = ask(Guards(_ok, names=("lab",)), [("Host", "example.org")])
    assert (
        json.loads(body)["detail"]
        == "This server is not called that. It is called by its address, or by lab, localhost."
    )
