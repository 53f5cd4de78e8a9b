"""From a name to a path: nothing outside the folder is reached, by no name, parameter or link. Inputs are harmless."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flawforge.server.guards import Refused
from flawforge.server.studio.workspace import Item, Workspace
from studio_folder import asking, leave_run

OUTSIDE = [
    "..",
    "../secret",
    "runs/../../secret",
    "runs/first/..",
    "/etc",
    "//etc",
    "runs//first",
    "runs/first/",
    "./runs",
    ".hidden",
    "runs/.hidden",
    "runs\\first",
    "runs/first\x00",
    "runs/first\n",
    "",
    "x" * 1001,
]


def test_names_that_are_none_are_refused(folder: Path, ask: Callable[..., Any]) -> None:
    more = {"file": "previews/kimg_000000.000.png", "kind": "run"}
    for name in OUTSIDE:
        with pytest.raises(Refused):
            Workspace(folder).path(name)
        for path in ("/run", "/trial", "/search", "/picture", "/drawn", "/events"):
            assert ask(path, params={"name": name, **more}).status_code in (404, 422), (path, name)


@pytest.mark.parametrize(
    "file", [*OUTSIDE, "run.json", "previews/../run.json", "checkpoints/x.png", "previews", "a.png"]
)
def test_files_that_are_no_pictures_of_an_item_are_refused(ask: Callable[..., Any], folder: Path, file: str) -> None:
    (folder / "runs/first/checkpoints/x.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert ask("/picture", params={"name": "runs/first", "file": file}).status_code in (404, 422)
    assert ask("/drawn", params={"name": "runs/first", "file": file}).status_code in (404, 422)


def test_a_picture_is_one(ask: Callable[..., Any], folder: Path) -> None:
    good = ask("/picture?name=runs/first&file=previews/kimg_000000.000.png")
    assert (good.status_code, good.headers["content-type"]) == (200, "image/png")
    (folder / "runs/first/previews/evil.png").write_text("<svg onload=alert(1)>")
    assert ask("/picture?name=runs/first&file=previews/evil.png").status_code == 404
    assert ask("/picture?name=runs&file=previews/evil.png").status_code == 404


def test_links_that_leave_the_folder_are_refused_and_others_are_not(tmp_path: Path, folder: Path) -> None:
    outside = leave_run(tmp_path / "outside")
    (outside / "report.html").write_text("secret")
    (folder / "runs" / "leaves").symlink_to(outside)
    (folder / "runs" / "stays").symlink_to(folder / "runs" / "first")
    for name in ("run.json", "history.jsonl", "records/audit.json", "synthetic/set.json"):
        linked = leave_run(folder / "linked" / name.replace("/", "-"))
        (linked / "synthetic").mkdir()
        (linked / name).unlink(missing_ok=True)
        (linked / name).symlink_to(outside / "run.json")
        assert asking(folder)("/run", params={"name": f"linked/{linked.name}"}).status_code == 404
    (folder / "runs/first/records/score.json").symlink_to(folder / "runs/first/run.json")
    (folder / "runs/first/previews/link.png").symlink_to(outside / "previews" / "kimg_000000.000.png")
    (folder / "runs/first/previews/deep").symlink_to(outside / "previews")
    ask = asking(folder)
    assert ask("/run?name=runs/leaves").status_code == 404
    assert ask("/run?name=runs/stays").status_code == 200
    for path in (
        "/drawn?name=runs/leaves",
        "/picture?name=runs/leaves&file=previews/kimg_000000.000.png",
        "/picture?name=runs/first&file=previews/link.png",
        "/picture?name=runs/first&file=previews/deep/kimg_000000.000.png",
        "/events?kind=run&name=runs/leaves",
    ):
        answer = ask(path)
        assert answer.status_code == 404, path
        assert b"secret" not in answer.content
    assert [item.name for item in Workspace(folder).look().items] == ["runs/first", "searches/one", "trials/steel"]


def test_a_look_finds_items_and_folders_of_images_and_no_item_in_an_item(folder: Path, draw_images: Any) -> None:
    for name in ("photos/pits", "photos/cracks", "more/flat", "alone"):
        draw_images(folder / name, 1)
    leave_run(folder / "runs" / "first" / "composed")
    (folder / "more" / "deep" / "deeper").mkdir(parents=True)
    leave_run(folder / "more" / "deep" / "deeper" / "run")
    draw_images(folder / "above" / "images" / "train", 1)
    draw_images(folder / "a model" / "seen", 1)
    for file in ("above/export.json", "above/manifest.jsonl", "a model/card.json", "a model/weights.safetensors"):
        (folder / file).touch()
    found = Workspace(folder).look()
    assert Item("more/deep/deeper/run", "run") in found.items
    assert Item("runs/first/composed", "run") not in found.items
    assert found.images == ("alone", "more/flat", "photos", "above")  # what was exported comes last, and whole
    assert Workspace(folder / "runs" / "first").look().items == (Item(".", "run"),)


def test_a_picture_that_was_left_beside_runs_hides_none(folder: Path, draw_images: Any) -> None:
    before = Workspace(folder).look()
    for place in (folder, folder / "runs"):
        (place / "screenshot.png").write_bytes(b"")
    found = Workspace(folder).look()
    assert found.items == before.items
    assert {*before.images} < {*found.images}


def test_another_machine_needs_the_token_for_every_address(folder: Path) -> None:
    ask = asking(folder, token="a long enough token")
    addresses = ("/", "/run?name=runs/first", "/events", "/picture", "/drawn", "/studio.js", "/report.css", "/nowhere")
    assert [ask(path).status_code for path in addresses] == [401] * len(addresses)
    assert ask("/", headers={"authorization": "Bearer a long enough token"}).status_code == 200
    assert ask("/", headers={"host": "example.org"}).status_code == 421
    assert asking(folder)("/", headers={"origin": "https://example.org"}).status_code == 403
