"""The page of a folder of images: what is read, what it shows, and classes that are mended beside it."""

from __future__ import annotations

import html
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from flawforge.data.reading.load import load

Ask = Callable[..., Any]
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
def photos(tmp_path: Path, draw_images: Any) -> Path:
    """Two classes of images; one of them has a mask in its upper half."""
    for label in ("dents", "good"):
        draw_images(tmp_path / "photos" / label, 3, sizes=((20, 20),))
    mask = np.zeros((20, 20), np.uint8)
    mask[:10] = 255
    Image.fromarray(mask).save(tmp_path / "photos/dents/dents_001_mask.png")
    return tmp_path / "photos"


def test_the_page_says_what_inspect_says_and_marks_what_the_labels_mark(ask: Ask, photos: Path) -> None:
    assert "labels/photos-" in ask("/data?name=photos").text
    found = ask("/data/facts?name=photos").json()
    assert {label: one["images"] for label, one in found["classes"].items()} == {"dents": 3, "good": 3}
    assert found["classes"]["dents"]["masks"] == 1
    assert any(note.startswith("Few images: dents 3, good 3") for note in found["notes"])
    assert found["images"][1] == ["dents/dents_001.png", "dents", "folder", 1, ""]
    answer = ask("/data/picture?name=photos&file=dents/dents_001.png")
    shown = np.asarray(Image.open(io.BytesIO(answer.content))).astype(int)
    assert shown.shape == (128, 128, 3)
    colour = np.ptp(shown, axis=2)
    assert colour[:60].min() > 10  # tinted
    assert colour[70:].max() == 0
    for file in ("../photos/dents/dents_001.png", "/etc/passwd", "dents/dents_001_mask.png", "no.png"):
        assert ask("/data/picture", params={"name": "photos", "file": file}).status_code == 404, file


def test_masks_that_nobody_drew_are_said_to_be_estimated(ask: Ask, photos: Path) -> None:
    (photos / "export.json").write_text("{}")
    line = {"file": "dents/dents_001.png", "mask": "estimated from box"}
    (photos / "manifest.jsonl").write_text(json.dumps(line) + "\n")
    found = ask("/data/facts?name=photos").json()
    assert [one[3:] for one in found["images"][:3]] == [[0, ""], [1, "box"], [0, ""]]
    assert "The masks of 1 image are estimated from their boxes, not drawn (1 of dents)." in found["notes"]


def test_a_mended_class_stands_beside_the_folder_and_is_what_load_reads(ask: Ask, photos: Path) -> None:
    before = sorted(path.name for path in photos.rglob("*"))
    said = ask("/data/label", "POST", json={"name": "photos", "file": "good/good_001.png", "label": "dents"}).json()
    assert said["rows"] == 1
    assert load(photos, labels=photos.parent / said["labels"]).counts == {"dents": 4, "good": 2}
    found = ask("/data/facts?name=photos").json()
    assert found["labels"] == said["labels"]
    assert [one[:3] for one in found["images"] if one[0] == "good/good_001.png"] == [
        ["good/good_001.png", "dents", Path(said["labels"]).name]
    ]
    assert any("gives 1 image another class: good to dents 1." in note for note in found["notes"])
    for label in ("unlabelled", "pits"):
        ask("/data/label", "POST", json={"name": "photos", "file": "dents/dents_000.png", "label": label})
    assert ask("/data/facts?name=photos").json()["classes"]["pits"]["images"] == 1
    for file in ("dents/dents_000.png", "good/good_001.png"):
        ask("/data/label", "POST", json={"name": "photos", "file": file, "label": ""})
    assert ask("/data/facts?name=photos").json()["classes"]["good"]["images"] == 3
    assert sorted(path.name for path in photos.rglob("*")) == before


@pytest.mark.parametrize("name", [f"{EVIL} 'a', \"b\".png", "=cmd|' C calc'!A0.png", "a,b;c.png", "ümläut 傷.png"])
def test_hostile_names_are_kept_whole_and_never_become_markup(
    ask: Ask, tmp_path: Path, draw_images: Any, name: str
) -> None:
    root = tmp_path / EVIL.replace("/", "-")
    draw_images(root / "a", 2)
    draw_images(root / "b", 2)
    (root / "a" / "a_000.png").rename(root / "a" / name)
    page = ask("/data", params={"name": root.name}).text
    assert "<img src=x" not in page
    assert html.escape(EVIL[:10]) in page
    label = ask("/data/label", "POST", json={"name": root.name, "file": f"a/{name}", "label": EVIL})
    assert label.status_code == 200, label.text
    found = ask("/data/facts", params={"name": root.name})
    assert found.headers["content-type"] == "application/json"
    assert [f"a/{name}", EVIL] in [one[:2] for one in found.json()["images"]]
    assert load(root, labels=tmp_path / label.json()["labels"]).counts[EVIL] == 1


def test_what_a_table_cannot_hold_is_refused(ask: Ask, photos: Path) -> None:
    for file, label in (("good/good_001.png", " dents"), (" x.png", "dents"), ("good/good_001.png", "a\nb"), ("", "x")):
        answer = ask("/data/label", "POST", json={"name": "photos", "file": file, "label": label})
        assert answer.status_code == 422, (file, label)
    assert ask("/data/facts?name=photos").json()["classes"]["good"]["images"] == 3
    for name in ("..", "/etc", "photos/../..", ".studio", "photos/dents/dents_000.png"):
        assert ask("/data", params={"name": name}).status_code == 404, name


def test_links_that_lead_out_are_not_shown(ask: Ask, photos: Path, draw_images: Any, tmp_path_factory: Any) -> None:
    outside = draw_images(tmp_path_factory.mktemp("outside") / "secret", 1)
    (photos / "good" / "link.png").symlink_to(outside / "secret_000.png")
    (photos.parent / "way").symlink_to(outside)
    found = ask("/data/facts?name=photos").json()
    assert [one[0] for one in found["images"] if "link" in one[0]] == []
    assert "Links that lead out of the studio's folder are not shown: 1." in found["notes"]
    assert ask("/data/picture?name=photos&file=good/link.png").status_code == 404
    assert ask("/data/facts?name=way").status_code == 404


def test_pages_load_nothing_from_elsewhere(ask: Ask, photos: Path, make_run: Any) -> None:
    make_run(photos)
    for path in ("/data?name=photos", "/explore?name=run", "/images?name=run"):
        text = ask(path).text
        assert re.findall(r"<style|\bon\w+=|style=", text) == []
        for name in re.findall(r'<script[^>]* src="/(\w+\.js)"', text):
            script = ask(f"/{name}").text
            assert re.findall(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|https?:", script) == []
