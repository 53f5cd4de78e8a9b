"""The pages of the studio: what they show, and that nothing of a folder's own becomes markup."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flawforge.core.locks import FolderLock
from flawforge.runs.judged.maps import FeatureMap, MapPoint
from flawforge.runs.set_files import ManifestEntry
from studio_folder import asking, leave_run

HTML = {"accept": "text/html"}

EVIL = "<img src=x onerror=alert(1)>"


def test_the_list_names_each_item_with_its_state(ask: Callable[..., Any], folder: Path) -> None:
    text = ask("/").text
    rows = re.findall(r'<li class="(\w+)"><a href="/\w+\?name=([^"]+)">', text)
    assert rows == [("run", "runs/first"), ("search", "searches/one"), ("trial", "trials/steel")]
    assert "<b>stopped</b> ended without a word" in text
    with FolderLock(folder / "runs" / "first", "training", "flawforge train"):
        assert "<b>running</b> training" in ask("/").text
    with (folder / "runs/first/history.jsonl").open("a") as file:
        file.write('{"event": "stopped", "kind": "minutes", "text": "ended by minutes", "step": 300, "kimg": 3.6}\n')
    assert "<b>done</b> trained for its time" in ask("/").text


@pytest.mark.parametrize("path", ["/run?name=runs/first", "/trial?name=trials/steel", "/search?name=searches/one", "/"])
def test_a_page_loads_nothing_from_elsewhere_and_holds_no_script_of_its_own(ask: Callable[..., Any], path: str) -> None:
    answer = ask(path)
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"].startswith("default-src 'none';")
    for source in re.findall(r'(?:src|href)="([^"]+)"', answer.text):
        assert source.startswith(("/", "#")), source
    assert re.findall(r"<style|\bon\w+=|style=", answer.text) == []
    for name in re.findall(r'<script[^>]* src="/(\w+\.js)"', answer.text):
        script = ask(f"/{name}").text
        assert (
            re.findall(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|https?:(?!//www\.w3)", script) == []
        )


def test_hostile_names_are_shown_as_they_are_and_never_become_markup(tmp_path: Path) -> None:
    root = tmp_path / EVIL.replace("/", "-")
    leave_run(root / "runs" / EVIL, label=EVIL, source=EVIL)
    ask = asking(root)
    for path in ("/", f"/run?name=runs/{EVIL}"):
        text = ask(path).text
        assert "<img src=x" not in text
        assert "&lt;img src=x" in html.unescape(text.replace("&amp;", "&")) or "&lt;img src=x" in text
    assert ask("/run", params={"name": f"runs/{EVIL}"}).status_code == 200


def test_a_damaged_run_is_shown_as_such(ask: Callable[..., Any], folder: Path) -> None:
    (folder / "runs/first/run.json").write_text("{")
    (folder / "runs/first/history.jsonl").write_bytes(b"\xff\xfe nothing\n[1]\n" + b"x" * 100)
    assert ask("/run?name=runs/first").status_code == 200
    assert "a run whose run.json is damaged" in ask("/").text


def test_a_report_runs_no_script_but_ours_and_is_of_no_origin(ask: Callable[..., Any], folder: Path) -> None:
    (folder / "runs/first/report.html").write_text("<script>alert(1)</script>")
    answer = ask("/drawn?name=runs/first")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none'")
    assert "script-src 'sha256-" in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2]
    assert answer.headers.get_list("content-security-policy") == [policy]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_who_asks_for_a_page_that_is_not_there_gets_one(ask: Callable[..., Any]) -> None:
    answer = ask("/run?name=nothing", headers=HTML)
    assert (answer.status_code, "<h1>Not here</h1>" in answer.text) == (404, True)
    assert ask("/run?name=nothing").json()["detail"].startswith("There is no run of this name")


def test_the_images_of_a_set_are_those_that_are_there(ask: Callable[..., Any], folder: Path) -> None:
    assert ask("/set?name=runs/first").json() == {"images": [], "seed": 0}
    made = folder / "runs/first/synthetic"
    (made / "scratch").mkdir(parents=True)
    entries = [
        ManifestEntry(
            f"scratch/{i}.png", "scratch", 0, i, "x", "0", 8, 8, "L", placed={"outline": told} if told else {}
        )
        for i, told in enumerate(["", "", "estimated from box"])
    ]
    (made / "manifest.jsonl").write_text("".join(entry.line() for entry in entries))
    (made / "set.json").write_text('{"format": 1, "n": 3, "classes": {"scratch": 3}, "complete": true}')
    for i in (0, 2):
        (made / f"scratch/{i}.png").write_bytes(b"x")
    assert ask("/set?name=runs/first").json() == {
        "seed": 0,
        "images": [
            ["scratch/0.png", "scratch", 0, False, ""],
            ["scratch/2.png", "scratch", 2, False, "estimated from box"],
        ],
    }
    assert ask("/images?name=runs/first").status_code == 200
    (made / "set.json").write_text("[]")
    assert ask("/set?name=runs/first").json() == {"images": [], "seed": 0}


def test_the_map_is_that_of_the_score_and_its_training_images_those_that_the_studio_shows(
    ask: Callable[..., Any], folder: Path
) -> None:
    assert ask("/map?name=runs/first").status_code == 404
    point = MapPoint(kind="generated", label=EVIL, file="a.png", x=0.5, y=-1, nearest="b.png", distance=0.4)
    facts: dict[str, Any] = {"made": "", "versions": {}, "command": "", "inputs": {}}
    found = FeatureMap(**facts, extractor="x", shares=(0.6, 0.2), points=[point], left_out={})
    (folder / "runs/first/records/map.json").write_text(found.model_dump_json())
    assert ask("/map?name=runs/first").json() == {
        "points": [point.model_dump()],
        "shares": [0.6, 0.2],
        "left_out": {},
        "data": "",
    }
    for name, root, data in (("in", folder / "data" / "steel", "data/steel"), ("out", folder.parent / "data", "")):
        leave_run(folder / "runs" / name, root=str(root))
        (folder / "runs" / name / "records" / "map.json").write_text(found.model_dump_json())
        assert ask(f"/map?name=runs/{name}").json()["data"] == data
    (folder / "runs/first/records/map.json").write_text("[]")
    assert ask("/map?name=runs/first").status_code == 404
