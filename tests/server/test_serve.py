"""The service of a generator: the files of `generate`, bounds, a page that loads nothing of others, and the loop."""

from __future__ import annotations

import io
import json
import re
import socket
import tarfile
import threading
import time
import urllib.request
from typing import Any

import pytest

import flawforge
from flawforge.core.errors import SettingError
from flawforge.server import serve
from flawforge.server.run import check_token, open_port

pytest.importorskip("fastapi", reason="needs the extra 'serve'")
testing = pytest.importorskip("starlette.testclient")

from flawforge.server import listening  # noqa: E402
from flawforge.server.application import ServiceLimits, guarded_application  # noqa: E402
from flawforge.studies.synthesis import ImagesOnDemand  # noqa: E402

EVIL = "<script>x</script>"


@pytest.fixture
def run(make_run: Any, draw_images: Any, tmp_path: Any) -> Any:
    draw_images(tmp_path / "photos" / "pits", 3)
    (tmp_path / "photos" / "pits").rename(tmp_path / "photos" / "a&b")
    draw_images(tmp_path / "photos" / "scratches", 3, sizes=((20, 24), (30, 16)))
    return make_run(tmp_path / "photos", design="fewshot", generator_depth=2, latent=8)


def client(run: Any, limits: ServiceLimits = ServiceLimits(), **guards: Any) -> Any:  # noqa: B008
    app = guarded_application(ImagesOnDemand(run), limits, **guards)
    return testing.TestClient(app, base_url="http://localhost", raise_server_exceptions=False)


def test_it_gives_the_files_that_generate_writes(run: Any) -> None:
    made = flawforge.generate(run, 5, seed=3)
    asked = client(run)
    answer = asked.get("/images", params={"n": 3, "class": "scratches", "seed": 3, "first": 2})
    assert answer.status_code == 200
    assert answer.content == asked.get("/images?n=3&class=scratches&seed=3&first=2").content
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as tar:
        names = tar.getnames()
        assert names == [*(f"scratches/scratches_{i:06d}.png" for i in (2, 3, 4)), "manifest.jsonl"]
        for name in names[:3]:
            member = tar.extractfile(name)
            assert member is not None
            assert member.read() == (made.folder / name).read_bytes()
        lines = tar.extractfile("manifest.jsonl")
        assert lines is not None
        wanted = [entry.line() for entry in made.entries() if entry.file in names]
        assert lines.read().decode().splitlines(keepends=True) == wanted
    one = asked.get("/image", params={"class": "a&b", "seed": 3, "first": 4})
    assert one.headers["content-type"] == "image/png"
    assert (
        one.content
        == next(made.folder / e.file for e in made.entries() if (e.label, e.index) == ("a&b", 4)).read_bytes()
    )


def test_what_is_too_much_or_unknown_is_refused_by_name(run: Any) -> None:
    asked = client(run, ServiceLimits(most=4, megapixels=0.0011))
    for query, status, part in (
        ("n=5", 422, "one request may ask for 1 to 4 images"),
        ("n=4&class=scratches", 422, "Ask for about 2 at a time."),
        ("n=1&class=scratch", 422, "Did you mean 'scratches'?"),
        ("n=0", 422, "greater than or equal to 1"),
        ("seed=-1", 422, "greater than or equal to 0"),
        ("first=99999999", 422, "less than or equal to 10000000"),
        ("truncation=0", 422, "greater than or equal to 0.1"),
        ("truncation=nan", 422, "less than or equal to 100"),
        ("n=1&trunaction=1", 422, "There is no parameter trunaction; there are class, first, n, seed, truncation."),
        ("n=2", 200, ""),
    ):
        answer = asked.get(f"/images?{query}")
        assert answer.status_code == status, (query, answer.text)
        assert part in answer.text or status == 200
    assert asked.post("/images").status_code == 405
    assert asked.post("/images", content=b"x").status_code == 413
    assert asked.get("/../run.json").status_code == 404
    assert client(run, ServiceLimits(seconds=1e-9)).get("/image").status_code == 503


def test_the_page_and_the_schema_load_nothing_from_elsewhere(run: Any) -> None:
    asked = client(run)
    page = asked.get("/").text
    assert "<option>a&amp;b</option>" in page
    for path in ("page.css", "page.js"):
        assert path in page
        page += asked.get(f"/{path}").text
    assert re.findall(r"https?:|//[a-z]", page.replace("// one", "")) == []
    assert "<style" not in page
    assert "onclick" not in page
    schema = asked.get("/openapi.json").json()
    assert set(schema["paths"]) == {"/image", "/images", "/model", "/health"}
    names = [parameter["name"] for parameter in schema["paths"]["/images"]["get"]["parameters"]]
    assert names == ["n", "class", "seed", "first", "truncation"]
    assert asked.get("/docs").status_code == 404
    assert asked.get("/model").json()["classes"] == ["a&b", "scratches"]
    assert asked.get("/health").json() == {"status": "ok", "inside": 0}


def test_another_host_wants_a_token() -> None:
    for host in ("127.0.0.1", "::1", "localhost", "127.8.8.8"):
        check_token(host, None)
    for host in ("0.0.0.0", "::", "192.168.0.2", "lab"):
        with pytest.raises(SettingError, match="lets other machines in"):
            check_token(host, None)
        check_token(host, "0123456789abcdef")
    with pytest.raises(SettingError, match="the token has 5 letters"):
        check_token("127.0.0.1", "short")
    with pytest.raises(SettingError, match="cannot be listened on"):
        open_port("203.0.113.1", 0)
    with open_port("127.0.0.1", 0) as taken, pytest.raises(SettingError, match="--port"):
        open_port("127.0.0.1", taken.getsockname()[1])


def test_recipes_without_a_latent_are_refused_before_anything_listens(tmp_path: Any, draw_images: Any) -> None:
    run = flawforge.train(draw_images(tmp_path / "data", 6), tmp_path / "made", "compose", previews=0)
    with pytest.raises(SettingError, match="serve cannot work with it"):
        serve(run, port=0)


def test_the_loop_hangs_up_on_who_begins_and_does_not_go_on(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import uvicorn

    monkeypatch.setattr(listening, "HEAD_SECONDS", 0.3)
    servers: list[Any] = []
    init = uvicorn.Server.__init__

    def kept(self: Any, config: Any) -> None:
        init(self, config)
        servers.append(self)

    monkeypatch.setattr(uvicorn.Server, "__init__", kept)
    app = guarded_application(ImagesOnDemand(run), ServiceLimits())
    taken = open_port("127.0.0.1", 0)
    port = taken.getsockname()[1]
    thread = threading.Thread(target=listening.listen, args=(app, taken, 10, 1), daemon=True)
    thread.start()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=30) as answer:
        assert json.load(answer)["status"] == "ok"
        assert "server" not in answer.headers
    for beginning in (b"", b"GET / HT", b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTT"):
        with socket.create_connection(("127.0.0.1", port), timeout=30) as half:
            half.sendall(beginning)
            while half.recv(65536):  # ends when the server hangs up
                pass
    started = time.monotonic()
    servers[0].should_exit = True
    thread.join(30)
    assert not thread.is_alive()
    assert time.monotonic() - started < 30
